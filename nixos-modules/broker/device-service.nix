# systemd.exec(5) for a service that reads requests, asks by chat, and touches nothing.
{
  lib,
  user,
  package,
}: {
  Type = "notify";
  NotifyAccess = "main";
  ExecStart = "${lib.getExe' package "nuketown-broker"} --config /etc/nuketown/broker.toml";
  User = user;
  Group = user;
  TimeoutStartSec = 60;
  WatchdogSec = 30;
  Restart = "always";
  RestartSec = 1;
  RestartSteps = 6;
  RestartMaxDelaySec = 60;
  # EX_CONFIG: starting again would not mend the configuration.
  RestartPreventExitStatus = 78;
  # Time to deny what is pending, and to say so.
  TimeoutStopSec = 30;

  # The directory of the socket belongs to the broker; agents reach what is in it and change nothing.
  RuntimeDirectory = "nuketown/broker";
  RuntimeDirectoryMode = "0755";
  StateDirectory = "nuketown-broker";
  StateDirectoryMode = "0700";
  UMask = "0077";

  MemoryMax = "512M";
  TasksMax = 128;
  LimitCORE = 0;

  # The policy looks at the files that a command names, agents' homes too, and changes none.
  ProtectSystem = "strict";
  ProtectHome = "read-only";
  PrivateTmp = true;
  PrivateDevices = true;
  DevicePolicy = "closed";
  PrivateMounts = true;
  ProtectProc = "invisible";
  ProcSubset = "pid";
  ProtectClock = true;
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  ProtectKernelTunables = true;
  ProtectControlGroups = true;
  # No PrivateUsers: it would make every peer of the socket nobody.
  CapabilityBoundingSet = "";
  AmbientCapabilities = "";
  NoNewPrivileges = true;
  LockPersonality = true;
  MemoryDenyWriteExecute = true;
  RestrictNamespaces = true;
  RestrictRealtime = true;
  RestrictSUIDSGID = true;
  RestrictAddressFamilies = ["AF_UNIX" "AF_INET" "AF_INET6"];
  RemoveIPC = true;
  KeyringMode = "private";
  SystemCallArchitectures = "native";
  SystemCallFilter = ["@system-service" "~@privileged @resources"];
  SystemCallErrorNumber = "EPERM";
}
