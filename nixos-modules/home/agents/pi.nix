# Pi: one agent's prompt as the system prompt, the others as instructions, skills and prompt templates as they are.
{
  config,
  lib,
  pkgs,
  ...
}: let
  shared = import ./shared.nix {inherit lib;};
  cfg = config.coding.agents.pi;
  canonical = shared.canonicalOf {
    inherit cfg;
    tool = "pi";
  };
  rendered = shared.agents.piFiles {
    inherit canonical;
    inherit (cfg) primary;
    modelOverrides = shared.agents.checkOverrides canonical cfg.modelOverrides;
  };
  prompts = shared.rootOf cfg.agentsInput + "/prompts";
in {
  options.coding.agents.pi =
    shared.optionsFor "Pi"
    // {
      primary = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        example = "chiron";
        description = "The agent that Pi is. Without one, the first that is a primary one.";
      };
    };

  config = lib.mkIf cfg.enable {
    home.file = lib.mkMerge [
      (shared.texts ".pi/agent" rendered.files)
      (shared.skillLinks cfg ".pi/agent/skills")
      (lib.mkIf (rendered.settings != {}) {
        ".pi/agent/settings.json".source = (pkgs.formats.json {}).generate "pi-settings.json" rendered.settings;
      })
      (lib.mkIf (builtins.pathExists prompts) {".pi/agent/prompts".source = prompts;})
    ];
    warnings = map (warning: "coding.agents.pi: ${warning}.") (rendered.warnings ++ shared.missingSkills cfg canonical);
  };
}
