# The machine and the people: nuketown.{enable,domain,agentsDir,human…,basePackages,projectDirs}.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
  inherit (import ../lib/types.nix {inherit lib;}) bareJid line;
  cfg = config.nuketown;
  homeManagerGit = config.home-manager.users.${cfg.humanUser}.programs.git.settings.user or {};
  humanGit = name: let
    value = homeManagerGit.${name} or null;
  in
    if builtins.isString value
    then value
    else null;
  firstOf = values: lib.findFirst (value: value != null) null values;
in {
  options.nuketown = {
    enable = mkOption {
      type = types.bool;
      default = cfg.agents != {};
      defaultText = literalExpression "config.nuketown.agents != { }";
      example = false;
      description = "Whether the agents declared here live on this machine. Declaring one is enough.";
    };

    domain = mkOption {
      type = types.nullOr line;
      default = config.networking.domain;
      defaultText = literalExpression "config.networking.domain";
      example = "6bit.com";
      description = "Domain of the agents' addresses: {file}`ada@6bit.com`, for mail and chat.";
    };

    agentsDir = mkOption {
      type = types.strMatching "/[^[:cntrl:]:]*[^/[:cntrl:]:]";
      default = "/agents";
      example = "/home";
      description = "Directory of the agents' homes.";
    };

    humanUser = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "josh";
      description = ''
        Account of the human who works at this machine: who sees the popups, opens portals, and may speak
        to the daemons' sockets. None on a device that nobody sits at.
      '';
    };

    humanName = mkOption {
      type = types.nullOr line;
      default =
        if cfg.humanUser == null
        then null
        else firstOf [(humanGit "name") cfg.humanUser];
      defaultText = lib.literalMD "home-manager's git user.name of humanUser, else humanUser";
      example = "Josh Perry";
      description = "The human's name, as co-author of what the agents commit.";
    };

    humanEmail = mkOption {
      type = types.nullOr line;
      default =
        if cfg.humanUser == null
        then null
        else
          firstOf [
            (humanGit "email")
            (lib.mapNullable (domain: "${cfg.humanUser}@${domain}") cfg.domain)
          ];
      defaultText = lib.literalMD "home-manager's git user.email of humanUser, else humanUser@domain";
      example = "josh@6bit.com";
      description = "The human's mail address, as co-author of what the agents commit.";
    };

    humanJid = mkOption {
      type = types.nullOr bareJid;
      default =
        if cfg.humanUser == null || cfg.domain == null
        then null
        else "${cfg.humanUser}@${cfg.domain}";
      defaultText = lib.literalMD "humanUser@domain";
      example = "josh@6bit.com";
      description = ''
        The human's chat address: owner of the agents, and approver of what they ask for. Set it on devices
        too, where there is no {option}`nuketown.humanUser`.
      '';
    };

    basePackages = mkOption {
      type = types.listOf types.package;
      default = with pkgs; [
        curl
        fd
        file
        git
        jq
        ripgrep
        tmux
        tree
      ];
      defaultText = literalExpression "with pkgs; [ curl fd file git jq ripgrep tmux tree ]";
      example = literalExpression "with pkgs; [ git ripgrep ]";
      description = "What every agent finds in its PATH.";
    };

    projectDirs = mkOption {
      type = types.listOf line;
      default = ["~/dev"];
      example = ["~/dev" "/srv/projects"];
      description = "Where the portal's picker looks for the human's projects; `~` is the human's home.";
    };
  };
}
