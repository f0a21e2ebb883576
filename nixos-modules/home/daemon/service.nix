# nuketown-daemon.service, as docs/nuketown-daemon.service explains it.
{
  agent,
  config,
  daemonConfiguration,
  lib,
  pkgs,
  ...
}: let
  inherit (agent) limits;
  inherit (agent.sudo) shim;

  hasKeys = config.systemd.user.services ? nuketown-keys;

  # Its own sudo before the system's, its profile before the rest; what the daemon itself calls is there in
  # any case.
  path = lib.concatStringsSep ":" (
    lib.optional (shim != null) "${shim}/bin"
    ++ [
      "${config.home.profileDirectory}/bin"
      "/run/wrappers/bin"
      "/run/current-system/sw/bin"
      (lib.makeBinPath [pkgs.git pkgs.tmux pkgs.openssh pkgs.systemd pkgs.coreutils pkgs.bash])
    ]
  );

  # Mount and system-call filters of a user manager imply NoNewPrivileges=, under which sudo can't ask. An
  # agent without sudo gets what does not blind the daemon:
  #  - No ProtectSystem=, PrivateTmp=, PrivateDevices=, ProtectHome= or other mounts: a user manager makes
  #    them in a user namespace, in which root, the human and the broker's user are nobody, and the daemon
  #    tells by the kernel's credentials who is at its socket and at the broker's. The agent's own uid
  #    already keeps it from writing outside of its home; its home is 0700.
  #  - No MemoryDenyWriteExecute=: Claude Code compiles while it runs.
  #  - No RestrictNamespaces=, and mounts and ptrace stay: tools make sandboxes of their own with them, and
  #    debuggers look into the agent's own processes.
  #  - No CapabilityBoundingSet=: a user manager may not drop what it does not have.
  sandbox = {
    NoNewPrivileges = true;
    LockPersonality = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    RestrictAddressFamilies = ["AF_UNIX" "AF_INET" "AF_INET6" "AF_NETLINK"];
    SystemCallArchitectures = "native";
    SystemCallFilter = "~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap";
    SystemCallErrorNumber = "EPERM";
  };
in {
  config = lib.mkIf agent.daemon.enable {
    systemd.user.services.nuketown-daemon = {
      Unit = {
        Description = "Nuketown daemon of ${agent.name}";
        # Never give up; the growing delay below bounds how often it is tried.
        StartLimitIntervalSec = 0;
        Wants = lib.mkIf hasKeys ["nuketown-keys.service"];
        After = lib.mkIf hasKeys ["nuketown-keys.service"];
        # A changed configuration is a changed unit, and changed units are restarted.
        X-Restart-Triggers = ["${daemonConfiguration}"];
      };
      Service =
        {
          Type = "notify";
          NotifyAccess = "main";
          ExecStart = lib.getExe' agent.daemon.package "nuketown-daemon";
          Environment = ["PATH=${path}"];
          TimeoutStartSec = 60;
          WatchdogSec = 30;
          Restart = "always";
          RestartSec = 1;
          RestartSteps = 6;
          RestartMaxDelaySec = 60;
          # EX_CONFIG: starting again would not mend the configuration.
          RestartPreventExitStatus = 78;
          # tmux sessions live in scopes of their own and go on without the daemon.
          KillMode = "mixed";
          TimeoutStopSec = 30;
          # Within what the slice of the account has.
          MemoryMax =
            if limits.memoryMax == null
            then "4G"
            else limits.memoryMax;
          TasksMax =
            if limits.tasksMax == null
            then 1024
            else limits.tasksMax;
          OOMPolicy = "continue";
          UMask = "0077";
          LimitCORE = 0;
        }
        // lib.optionalAttrs (shim == null) sandbox;
      Install.WantedBy = ["default.target"];
    };
  };
}
