# nuketown-identity: keys that the agent makes and registers itself, as docs/nuketown-identity.service explains.
{
  agent,
  config,
  lib,
  pkgs,
  ...
}: let
  hasKeys = config.systemd.user.services ? nuketown-keys;
  path = lib.makeBinPath [pkgs.coreutils pkgs.git pkgs.gnupg pkgs.openssh];
in {
  config = lib.mkIf agent.github.enable {
    systemd.user = {
      services.nuketown-identity = {
        Unit = {
          Description = "Nuketown identity of ${agent.name}: keys, and their registration at GitHub";
          # Before, and not required by: an agent whose keys can't be checked today works all the same.
          Before = ["nuketown-daemon.service"];
          After = lib.mkIf hasKeys ["nuketown-keys.service"];
          X-Restart-Triggers = ["${config.xdg.configFile."nuketown/identity.toml".source}"];
        };
        Service = {
          # No Restart= and no RemainAfterExit=: the timer comes back, also after a failure.
          Type = "oneshot";
          # The daemon waits for this, so GitHub gets 20 seconds at boot.
          ExecStart = "${lib.getExe' agent.daemon.package "nuketown-identity"} ensure --patience 20";
          TimeoutStartSec = 120;
          Environment = ["PATH=${path}"];
          UMask = "0077";
          # A core file could hold the token.
          LimitCORE = 0;
          MemoryMax = "512M";
          TasksMax = 64;

          # The agent's sudo is not wanted here, so nothing stands against the whole sandbox. The home is
          # written, and the runtime directory, where gpg's agent listens.
          NoNewPrivileges = true;
          # A user manager may take capabilities away only in a user namespace.
          PrivateUsers = true;
          ProtectSystem = "strict";
          ReadWritePaths = "%h %t";
          InaccessiblePaths = "-%h/projects";
          PrivateTmp = true;
          PrivateDevices = true;
          ProtectControlGroups = true;
          ProtectKernelTunables = true;
          ProtectKernelModules = true;
          ProtectClock = true;
          LockPersonality = true;
          MemoryDenyWriteExecute = true;
          RestrictNamespaces = true;
          RestrictRealtime = true;
          RestrictSUIDSGID = true;
          RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
          SystemCallArchitectures = "native";
          SystemCallFilter = "@system-service";
        };
        Install.WantedBy = ["default.target"];
      };

      # Registers the keys when GitHub was away at boot, and warns before the token expires.
      timers.nuketown-identity = {
        Unit.Description = "Nuketown identity of ${agent.name}, once more";
        Timer = {
          OnStartupSec = "10min";
          OnUnitInactiveSec = "1h";
          # Not all agents at the same moment.
          RandomizedDelaySec = "10min";
        };
        Install.WantedBy = ["timers.target"];
      };
    };

    # For the agent's own git and ssh, and for rotate and revoke by hand.
    home.packages = [
      agent.daemon.package
      pkgs.gnupg
      pkgs.openssh
    ];
  };
}
