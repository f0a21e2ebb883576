# OpenCode: an agent is a file, so that a changed prompt changes one file. What else OpenCode is told is ../opencode.nix.
{
  config,
  lib,
  pkgs,
  ...
}: let
  shared = import ./shared.nix {inherit lib;};
  cfg = config.coding.agents.opencode;
  canonical = shared.canonicalOf {
    inherit cfg;
    tool = "opencode";
  };
  rendered = shared.agents.opencodeFiles {
    inherit canonical;
    inherit (cfg) headless;
    modelOverrides = shared.agents.checkOverrides canonical cfg.modelOverrides;
  };
  root = shared.rootOf cfg.agentsInput;

  # An agents input that puts its skills together itself knows how.
  skills =
    if cfg.agentsInput ? lib.mkOpencodeSkills
    then {
      "opencode/skills".source = cfg.agentsInput.lib.mkOpencodeSkills {
        inherit pkgs;
        inherit (cfg) externalSkills;
        customSkills = root + "/skills";
      };
    }
    else shared.skillLinks cfg "opencode/skills";

  directory = name:
    lib.optionalAttrs (builtins.pathExists (root + "/${name}")) {"opencode/${name}".source = root + "/${name}";};
in {
  options.coding.agents.opencode =
    shared.optionsFor "OpenCode"
    // {
      externalSkills = lib.mkOption {
        type = lib.types.listOf (lib.types.attrsOf lib.types.raw);
        default = [];
        example = lib.literalExpression ''[{src = inputs.skills-anthropic; selectSkills = ["pdf"];}]'';
        description = "Further sources of skills, for an agents input with `lib.mkOpencodeSkills`.";
      };

      headless = lib.mkOption {
        type = lib.types.bool;
        default = false;
        example = true;
        description = ''
          Whether nobody is there to be asked. What would be asked is denied then, because OpenCode waits for
          an answer for ever.
        '';
      };
    };

  config = lib.mkIf cfg.enable {
    xdg.configFile = lib.mkMerge [
      (shared.texts "opencode" rendered.files)
      skills
      (directory "context")
      (directory "commands")
    ];
    warnings = map (warning: "coding.agents.opencode: ${warning}.") (rendered.warnings ++ shared.missingSkills cfg canonical);
  };
}
