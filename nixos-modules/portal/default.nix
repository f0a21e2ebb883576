# The human's way to an agent: portal-<name>, portal, and leave to become that agent.
{
  config,
  lib,
  pkgs,
  ...
}: let
  cfg = config.nuketown;
  agents = lib.filterAttrs (_: agent: agent.portal.enable) cfg.localAgents;

  programs = nuketown:
    pkgs.callPackage ./programs.nix {
      inherit nuketown;
      systemd = config.systemd.package;
    };

  portals =
    lib.mapAttrs (_: agent:
      (programs agent.daemon.package).portal {
        inherit agent;
        inherit (cfg) projectDirs;
      })
    agents;
in {
  config = lib.mkIf (agents != {}) {
    users.users = lib.mkIf (cfg.humanUser != null) {
      ${cfg.humanUser}.packages = [((programs null).chooser portals)] ++ builtins.attrValues portals;
    };

    security.polkit = {
      enable = lib.mkDefault true;
      extraConfig = lib.mkIf (cfg.humanUser != null) (import ./polkit.nix {
        human = cfg.humanUser;
        agents = builtins.attrNames agents;
      });
    };

    assertions = [
      {
        assertion = config.security.polkit.enable;
        message = ''
          nuketown.agents.${builtins.head (builtins.attrNames agents)}.portal.enable: the portal becomes the agent through machinectl,
          which asks polkit: leave security.polkit.enable on, or turn the portal off.
        '';
      }
    ];
  };
}
