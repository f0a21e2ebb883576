# The model is a script: it adds a LICENSE file, or makes a directory below /srv with sudo, through
# Claude Code and its real tools. And what it works on: a repository.
{
  config,
  lib,
  pkgs,
  ...
}: let
  cfg = config.town.model;
  python = pkgs.python3.withPackages (packages: [(packages.toPythonModule pkgs.nuketown)]);
in {
  options.town.model = {
    enable = lib.mkEnableOption "the scripted model";
    port = lib.mkOption {
      type = lib.types.port;
      default = 8300;
      description = "Where it listens, on loopback.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services = {
      model = {
        wantedBy = ["multi-user.target"];
        serviceConfig = {
          ExecStart = "${lib.getExe python} ${./model.py} ${toString cfg.port}";
          DynamicUser = true;
        };
      };

      town-repository = {
        wantedBy = ["multi-user.target"];
        path = [pkgs.git];
        environment.OWNER = builtins.head (builtins.attrNames config.nuketown.localAgents);
        script = builtins.readFile ./repository.sh;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
      };
    };

    home-manager.users = lib.mapAttrs (_: _: {
      systemd.user.services.nuketown-daemon.Service.Environment = [
        "ANTHROPIC_BASE_URL=http://127.0.0.1:${toString cfg.port}"
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"
      ];
    }) config.nuketown.localAgents;
  };
}
