# From the names of secrets to files: who wants which, and where each lies at run time.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/secrets.nix {inherit lib;}) ageName agentSecrets brokerSecrets isPath;
  cfg = config.nuketown;
  # The account may be missing; the assertions ask for it.
  groupOf = account: config.users.users.${account}.group or "users";

  ofAgents = lib.concatMap (agent:
    map (wanted:
      wanted
      // {
        owner = agent.name;
        group = agent.name;
      }) (agentSecrets agent)) (builtins.attrValues cfg.localAgents);

  ofBroker =
    map (wanted:
      wanted
      // {
        owner = cfg.broker.user;
        group = groupOf cfg.broker.user;
      }) (brokerSecrets cfg.broker);

  readers = ofAgents ++ ofBroker;

  # Where these are units, and not part of the activation.
  installing = ["sops-install-secrets.service" "agenix-install-secrets.service"];
in {
  imports = [
    ./agenix.nix
    ./files.nix
    ./sops.nix
  ];

  config = {
    # A password that is missing at the start is a mistake in the configuration, after which nothing
    # starts again. What reads them begins later: services of users, and the device's broker.
    systemd.services = lib.mkIf (cfg.secrets.wanted != {}) {
      systemd-user-sessions.after = installing;
      nuketown-broker = lib.mkIf (cfg.broker.enable && cfg.broker.role == "device") {after = installing;};
    };

    nuketown.secrets = {
      inherit readers;

      backend = lib.mkIf (cfg.sopsFile != null) (lib.mkDefault "sops");

      # Where two accounts name one secret, the assertions say so; the first of them stands here.
      wanted = builtins.listToAttrs (map ({
        secret,
        owner,
        group,
        ...
      }: {
        name = secret;
        value = {inherit owner group;};
      }) (lib.filter (reader: !isPath reader.secret) readers));

      # Where something is missing the assertions say so; nothing is built from what stands here then.
      pathOf = secret: let
        file = "${cfg.secrets.directory}/${secret}";
      in
        if isPath secret
        then secret
        else if cfg.secrets.backend == "sops"
        then config.sops.secrets.${secret}.path or file
        else if cfg.secrets.backend == "agenix"
        then config.age.secrets.${ageName secret}.path or file
        else file;
    };
  };
}
