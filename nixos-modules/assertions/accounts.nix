# Nobody answers their own request: an agent can read its daemon's password, so it can be its JID.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  inherit (cfg) broker;
  same = a: b: a != null && b != null && lib.toLower a == lib.toLower b;

  others = removeAttrs cfg.roster (builtins.attrNames cfg.enabledAgents);
  askers =
    lib.mapAttrsToList (name: agent: {
      option = "nuketown.agents.${name}.xmpp.jid";
      inherit (agent.xmpp) jid;
    }) (lib.filterAttrs (_: agent: agent.xmpp.enable) cfg.enabledAgents)
    ++ lib.mapAttrsToList (name: agent: {
      option = "nuketown.roster.${name}.jid";
      inherit (agent) jid;
    })
    others;
  brokers =
    lib.mapAttrsToList (name: agent: {
      option = "nuketown.roster.${name}.brokerJid";
      jid = agent.brokerJid;
    })
    others;
  answering =
    map (jid: {
      option = "nuketown.broker.approvers";
      inherit jid;
    })
    broker.approvers
    ++ [
      {
        option = "nuketown.humanJid";
        jid = cfg.humanJid;
      }
      {
        option = "nuketown.broker.approvalJid";
        jid = broker.approvalJid;
      }
    ];
  own = {
    option = "nuketown.broker.jid";
    inherit (broker) jid;
  };

  # One sentence for an account, whatever else it is.
  distinct = others: one: let
    clashes = map (other: other.option) (lib.filter (other: same one.jid other.jid) others);
  in {
    assertion = clashes == [];
    message = ''
      ${one.option}: ${toString one.jid} is also ${lib.concatStringsSep ", " clashes}, and who asks can't be the one that
      answers. Give each an account of its own.
    '';
  };

  # A machine's own broker is asked there; on a workstation it is whom agents ask.
  answeringElse = lib.filter (answerer: answerer.option != "nuketown.broker.approvalJid") answering;
  humans = lib.filter (answerer: broker.role != "workstation" || answerer.option != "nuketown.broker.approvalJid") answering;

  twice = lib.filter (group: builtins.length group > 1) (
    builtins.attrValues (
      lib.groupBy (asker: lib.toLower asker.jid) (lib.filter (asker: asker.jid != null) askers)
    )
  );
in {
  config = lib.mkIf cfg.enable {
    assertions =
      map (distinct (answering ++ [own] ++ brokers)) askers
      ++ map (distinct answeringElse) brokers
      ++ [(distinct humans own)]
      ++ map (group: {
        assertion = false;
        message = ''
          ${lib.concatMapStringsSep " and " (asker: asker.option) group} are the same account,
          ${(builtins.head group).jid}: one account stands for one agent. Give each its own.
        '';
      })
      twice
      ++ map (user: {
        assertion = !cfg.enabledAgents ? ${user};
        message = ''
          nuketown.broker.approverUsers: ${user} is an agent, who may not answer. Take it out.
        '';
      }) (lib.optionals (broker.approverUsers != null) broker.approverUsers);
  };
}
