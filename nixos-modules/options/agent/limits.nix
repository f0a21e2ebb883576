# What of the machine it may use: limits.*.
{lib, ...}: let
  inherit (lib) mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) cpuQuota memory;
in {
  options.limits = {
    memoryMax = mkOption {
      type = types.nullOr memory;
      default = null;
      example = "8G";
      description = "Memory of all its processes together ({manpage}`systemd.resource-control(5)`).";
    };

    cpuQuota = mkOption {
      type = types.nullOr cpuQuota;
      default = null;
      example = "200%";
      description = "CPU time; 100% is one core.";
    };

    tasksMax = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 2048;
      description = "Processes and threads.";
    };

    ioWeight = mkOption {
      type = types.nullOr (types.ints.between 1 10000);
      default = null;
      example = 50;
      description = "Its share of the disks; everybody else has 100.";
    };
  };
}
