# The harness that it works with: claudeCode.*.
{
  config,
  lib,
  name,
  pkgs,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
in {
  options.claudeCode = {
    enable = mkOption {
      type = types.bool;
      default = config.daemon.enable || config.portal.enable;
      defaultText = literalExpression "daemon.enable || portal.enable";
      example = true;
      description = "Install and configure Claude Code.";
    };

    package = mkOption {
      type = types.nullOr types.package;
      default = pkgs.claude-code;
      defaultText = literalExpression "pkgs.claude-code";
      example = literalExpression "pkgs.unstable.claude-code";
      description = ''
        The package with {command}`claude`, unfree in nixpkgs (`nixpkgs.config.allowUnfreePredicate`). The
        one bundled in the Agent SDK does not run on NixOS. null: something else puts it into the PATH.
      '';
    };

    settings = mkOption {
      type = types.attrsOf types.anything;
      default = {};
      example = {
        permissions.defaultMode = "acceptEdits";
        permissions.additionalDirectories = ["/srv/projects"];
      };
      description = "What its {file}`~/.claude/settings.json` holds beside what is generated.";
    };

    agentName = mkOption {
      type = types.strMatching "[a-z0-9][a-z0-9-]*";
      default = lib.toLower (builtins.replaceStrings [" " "_"] ["-" "-"] "${name}-${config.role}");
      defaultText = lib.literalMD "`<name>-<role>`";
      example = "ada-software";
      description = "Name of the generated sub-agent in {file}`~/.claude/agents/`.";
    };

    extraPrompt = mkOption {
      type = types.lines;
      default = "";
      example = "Run the linters before every commit.";
      description = "Text at the end of its prompt.";
    };

    extraAgents = mkOption {
      type = types.attrsOf (types.either types.path types.lines);
      default = {};
      example = literalExpression "{ reviewer = ./reviewer.md; }";
      description = "Further sub-agents: whole files with front matter, or their text.";
    };
  };
}
