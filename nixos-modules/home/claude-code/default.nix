# Claude Code: the command, its settings, its sub-agents.
#
# settings.json is no link into the store: Claude Code writes it (a chosen model, a plugin), and replaces or
# drops a link that it can't write. So it is a file, and at every activation the declared settings are put
# over what is there.
{
  agent,
  config,
  lib,
  pkgs,
  town,
  ...
}: let
  inherit (import ../../lib/agents/front-matter.nix {inherit lib;}) document;
  inherit (import ../../lib/prompt/text.nix {inherit lib;}) flow;
  cfg = agent.claudeCode;

  declared = (pkgs.formats.json {}).generate "claude-settings.json" (lib.recursiveUpdate
    (lib.optionalAttrs (cfg.package != null) {
        # A package of the store can't replace itself.
        env.DISABLE_AUTOUPDATER = "1";
      }
      // lib.optionalAttrs (town.humanName != null && town.humanEmail != null) {
        # The agent is the author already; whom it works for stands beside it.
        attribution = {
          commit = "Co-authored-by: ${town.humanName} <${town.humanEmail}>";
          pr = "";
        };
      })
    cfg.settings);

  merge = pkgs.writeShellApplication {
    name = "nuketown-claude-settings";
    runtimeInputs = [pkgs.coreutils pkgs.jq];
    text = builtins.readFile ./merge-settings.sh;
    runtimeEnv.NUKETOWN_MERGE = ./merge-settings.jq;
  };

  subAgents =
    {
      ${cfg.agentName} =
        document [
          (lib.nameValuePair "name" cfg.agentName)
          (lib.nameValuePair "description" (
            if agent.description == ""
            then "${agent.displayName}, ${agent.role}"
            else flow agent.description
          ))
        ]
        agent.promptText;
    }
    // cfg.extraAgents;

  subAgent = definition:
    if lib.types.path.check definition
    then {source = definition;}
    else {text = definition;};
in {
  config = lib.mkIf cfg.enable {
    home = {
      packages = lib.optional (cfg.package != null) cfg.package;
      file = lib.mapAttrs' (name: definition:
        lib.nameValuePair ".claude/agents/${name}.md" (subAgent definition))
      subAgents;
      activation.nuketownClaudeSettings = lib.hm.dag.entryAfter ["linkGeneration"] ''
        run ${lib.getExe merge} ${declared} ${lib.escapeShellArg config.home.homeDirectory}/.claude/settings.json
      '';
    };
  };
}
