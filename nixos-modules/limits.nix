# What each agent may use of the machine, all its processes together: on the slice that logind puts them in.
{
  config,
  lib,
  ...
}: let
  said = lib.filterAttrs (_: value: value != null);

  sliceOf = agent:
    said {
      MemoryMax = agent.limits.memoryMax;
      CPUQuota = agent.limits.cpuQuota;
      TasksMax = agent.limits.tasksMax;
      IOWeight = agent.limits.ioWeight;
    };

  bounded = lib.filterAttrs (_: agent: sliceOf agent != {}) config.nuketown.localAgents;
in {
  config.systemd.slices = lib.mapAttrs' (_: agent:
    lib.nameValuePair "user-${toString agent.uid}" {
      # The slice is systemd's own; only this is added to it.
      overrideStrategy = "asDropin";
      sliceConfig = sliceOf agent;
    })
  bounded;
}
