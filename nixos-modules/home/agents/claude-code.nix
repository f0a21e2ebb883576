# Claude Code: a file for each agent, one settings.json for what they may do.
{
  config,
  lib,
  pkgs,
  options,
  ...
}: let
  shared = import ./shared.nix {inherit lib;};
  cfg = config.coding.agents.claude-code;
  canonical = shared.canonicalOf {
    inherit cfg;
    tool = "claude-code";
  };
  rendered = shared.agents.claudeCodeFiles {
    inherit canonical;
    modelOverrides = shared.agents.checkOverrides canonical cfg.modelOverrides;
  };
  # Where home-manager writes settings.json itself, it gets ours to write.
  hasModule = options ? programs.claude-code.settings && config.programs.claude-code.enable;
in {
  options.coding.agents.claude-code =
    shared.optionsFor "Claude Code"
    // {
      settings = lib.mkOption {
        inherit (pkgs.formats.json {}) type;
        default = {};
        example = {cleanupPeriodDays = 30;};
        description = ''
          What {file}`~/.claude/settings.json` says beside the agents' permissions. With
          {option}`programs.claude-code.enable` they are part of its {option}`programs.claude-code.settings`.
        '';
      };
    };

  config = lib.mkIf cfg.enable (lib.mkMerge [
    {
      coding.agents.claude-code = {inherit (rendered) settings;};
      home.file = lib.mkMerge [
        (shared.texts ".claude" rendered.files)
        (shared.skillLinks cfg ".claude/skills")
        (lib.mkIf (!hasModule && cfg.settings != {}) {
          ".claude/settings.json".source = (pkgs.formats.json {}).generate "claude-code-settings.json" cfg.settings;
        })
      ];
      warnings = map (warning: "coding.agents.claude-code: ${warning}.") (rendered.warnings ++ shared.missingSkills cfg canonical);
    }
    (lib.optionalAttrs (options ? programs.claude-code.settings) {
      programs.claude-code.settings = lib.mkIf hasModule cfg.settings;
    })
  ]);
}
