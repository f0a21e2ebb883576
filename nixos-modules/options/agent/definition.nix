# Who it is, from a canonical definition: definition (docs/agent-definitions.md).
{
  config,
  lib,
  ...
}: let
  inherit (lib) literalExpression mkDefault mkOption types;
  agents = import ../../lib/agents.nix {inherit lib;};
  inherit (config) canonical;
  account = agents.claudeCodeAccount canonical;
in {
  options = {
    definition = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = literalExpression "./agents/ada";
      description = ''
        Directory of its definition, {file}`agent.toml` and {file}`system-prompt.md`: the text becomes the
        beginning of its prompt, the description what its teammates are told, and the permissions those of its
        Claude Code.
      '';
    };

    canonical = mkOption {
      type = types.nullOr types.unspecified;
      internal = true;
      readOnly = true;
      default =
        if config.definition == null
        then null
        else (agents.loadAgents (dirOf config.definition)).${baseNameOf config.definition};
      description = "The definition, read.";
    };

    definitionWarnings = mkOption {
      type = types.listOf types.str;
      internal = true;
      readOnly = true;
      default =
        if canonical == null || !config.claudeCode.enable
        then []
        else account.warnings;
      description = "What Claude Code can't be told of the definition's permissions.";
    };
  };

  config = lib.mkIf (config.definition != null) {
    description = mkDefault canonical.description;
    displayName = lib.mkIf (canonical ? display_name) (mkDefault canonical.display_name);
    prompt.file = mkDefault (config.definition + "/system-prompt.md");
    claudeCode = {inherit (account) settings;};
  };
}
