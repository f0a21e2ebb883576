# Accounts and groups of the agents that live here, and the directory of their homes.
#
# An account that was made by hand, with this name and this uid, becomes the declared one: NixOS writes over
# its entry in passwd and leaves its files alone. It never changes the uid of an account that exists.
{
  config,
  lib,
  pkgs,
  ...
}: let
  cfg = config.nuketown;
  agents = cfg.localAgents;
in {
  config = lib.mkIf (agents != {}) {
    users.users =
      builtins.mapAttrs (name: agent: {
        isNormalUser = true;
        inherit (agent) uid home;
        group = name;
        description = lib.mkDefault "${agent.displayName} (agent)";
        createHome = true;
        # What it has is its own: no other agent reads it.
        homeMode = "0700";
        # Before users.defaultUserShell, which is the humans' taste.
        shell = lib.mkOverride 900 pkgs.bashInteractive;
        # Nobody logs in as it by password; the portal and its daemon need none.
        hashedPassword = "!";
        # Its user manager, and in it the daemon, runs from boot on.
        linger = agent.daemon.enable;
      })
      agents;

    users.groups = builtins.mapAttrs (_: agent: {gid = agent.uid;}) agents;

    # Again when everything is mounted: accounts are made before file systems that are not needed for boot.
    systemd.tmpfiles.settings.nuketown-homes =
      {
        ${cfg.agentsDir}.d = {
          mode = "0755";
          user = "root";
          group = "root";
        };
      }
      // lib.mapAttrs' (name: agent:
        lib.nameValuePair agent.home {
          d = {
            mode = "0700";
            user = name;
            group = name;
          };
        })
      agents;
  };
}
