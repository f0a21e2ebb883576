# Names of the published prototype that have no counterpart: accepted, and said so.
{
  config,
  lib,
  ...
}: let
  inherit (lib) mkOption types;
  cfg = config.nuketown;
  agents = builtins.attrValues cfg.enabledAgents;
  restricted = lib.filter (agent: agent.sudo.commands != []) agents;
  reading = lib.filter (agent: agent.daemon.mail.enable) agents;
in {
  options.nuketown.agents = mkOption {
    type = types.attrsOf (types.submodule {
      options.sudo.commands = mkOption {
        type = types.listOf types.str;
        default = [];
        visible = false;
        description = "The prototype's: without effect, because every command is asked about.";
      };
    });
  };

  config.warnings =
    map (agent: ''
      nuketown.agents.${agent.name}.sudo.commands is without effect: every command is asked about. What needs no
      answer goes into nuketown.agents.${agent.name}.sudo.preApproved, what is never to run into
      nuketown.agents.${agent.name}.sudo.deny.
    '')
    restricted
    ++ map (agent: ''
      nuketown.agents.${agent.name}.daemon.mail.enable is without effect: the daemon does not read mail. Send it
      messages by chat (nuketown.agents.${agent.name}.xmpp.enable).
    '')
    reading;
}
