# OpenCode, without its agents (./agents/opencode.nix): what it is told about itself on this machine.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (lib) mkEnableOption mkIf mkOption types;
  json = pkgs.formats.json {};
  cfg = config.coding.opencode;
in {
  options.coding.opencode = {
    enable = mkEnableOption "OpenCode";

    ohMyOpencodeSettings = mkOption {
      inherit (json) type;
      default = {};
      example = {disabled_hooks = ["comment-checker"];};
      description = "What {file}`~/.config/opencode/oh-my-opencode.json` says. Without any the file is not written.";
    };

    extraSettings = mkOption {
      inherit (json) type;
      default = {};
      example = {provider.local.options.baseURL = "http://localhost:11434/v1";};
      description = "Further settings for {option}`programs.opencode.settings`: providers, formatters, what this machine has.";
    };

    extraPlugins = mkOption {
      type = types.listOf types.str;
      default = [];
      example = ["oh-my-opencode"];
      description = "Plugins that OpenCode loads.";
    };
  };

  config = mkIf cfg.enable {
    programs.opencode = {
      enable = true;
      enableMcpIntegration = lib.mkDefault true;
      settings = lib.mkMerge [
        cfg.extraSettings
        (mkIf (cfg.extraPlugins != []) {plugin = cfg.extraPlugins;})
      ];
    };

    xdg.configFile."opencode/oh-my-opencode.json" = mkIf (cfg.ohMyOpencodeSettings != {}) {
      source = json.generate "oh-my-opencode.json" cfg.ohMyOpencodeSettings;
    };
  };
}
