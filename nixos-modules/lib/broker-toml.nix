# broker.toml as a value for a TOML generator; docs/policy.md explains the keys.
{lib}: let
  present = lib.filterAttrs (_: value: value != null);

  # What is not run on this host's sudo is asked for by chat alone.
  chatKinds = ["delegate" "scale" "network"];

  local = agent:
    present {
      inherit (agent) uid role;
      jids = lib.optional agent.xmpp.enable agent.xmpp.jid;
      kinds =
        if agent.sudo.enable
        then ["sudo"] ++ chatKinds
        else chatKinds;
      pre_approved = agent.sudo.preApproved;
      inherit (agent.sudo) deny;
      timeout_s = agent.sudo.timeout;
    };

  inCluster = agent:
    present {
      inherit (agent) role;
      jids = lib.optional agent.xmpp.enable agent.xmpp.jid;
      kinds = chatKinds;
    };

  elsewhere = agent:
    present {
      inherit (agent) role;
      jids = lib.optional (agent.jid != null) agent.jid;
      broker_jid = agent.brokerJid;
      kinds =
        if agent.brokerJid != null
        then ["sudo"] ++ chatKinds
        else chatKinds;
    };
in {
  /*
  brokerToml :: attrs -> attrs

  The configuration of this machine's broker. `pathOf` makes a file's path of a secret's name.

  brokerToml { town = config.nuketown; hostName = "signi"; pathOf = config.nuketown.secrets.pathOf; }
  => { role = "workstation"; agents.ada = { uid = 1100; jids = [ "ada@6bit.com" ]; … }; … }
  */
  brokerToml = {
    town,
    hostName,
    pathOf,
  }: let
    inherit (town) broker;
    onWorkstation = broker.role == "workstation";
    hasAccount = broker.jid != null && broker.passwordSecret != null;
    observes = onWorkstation && broker.humanPasswordSecret != null;
    onlyIf = condition: value:
      if condition
      then value
      else null;
    # A device's broker takes requests from its own machine alone.
    others = lib.optionalAttrs onWorkstation (removeAttrs town.roster (builtins.attrNames town.enabledAgents));
    agents =
      builtins.mapAttrs (_: elsewhere) others
      // builtins.mapAttrs (_: agent:
        if agent.deploymentModel == "cloud"
        then inCluster agent
        else local agent)
      town.enabledAgents;
  in
    present {
      inherit (broker) role;
      host_name = hostName;
      socket = "/run/nuketown/broker/socket";
      secure_path = town.sudo.securePath;
      jid = onlyIf hasAccount broker.jid;
      password_file = onlyIf hasAccount (pathOf broker.passwordSecret);
      human_jid = town.humanJid;
      human_password_file = onlyIf observes (pathOf broker.humanPasswordSecret);
      approval_jid = onlyIf (!onWorkstation && hasAccount) broker.approvalJid;
      inherit (broker) approvers;
      approver_users = broker.approverUsers;
      approver_key = onlyIf (!onWorkstation) broker.approverKey;
      signing_key_file = onlyIf (onWorkstation && broker.signingKeySecret != null) (pathOf broker.signingKeySecret);
      timeout_s = broker.timeout;
      inherit (town.xmpp) host port;
      tls = onlyIf (town.xmpp.tls != "required") town.xmpp.tls;
      ca_file = town.xmpp.caFile;
    }
    // lib.optionalAttrs (agents != {}) {inherit agents;};

  /*
  restartKeys :: attrs -> attrs

  What of broker.toml takes a restart: everything but what the broker takes while it runs, when the
  file changes. A restart denies what is pending.

  restartKeys { role = "device"; timeout_s = 120; agents = { … }; }
  => { role = "device"; }
  */
  restartKeys = toml: removeAttrs toml ["agents" "approvers" "approver_users" "timeout_s"];
}
