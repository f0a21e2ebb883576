# Where it is, and what it may use of it.
{
  agent,
  host,
  isCloud,
  lib,
  text,
  ...
}: let
  inherit (agent) limits;
  option = "nuketown.agents.${agent.name}";
  bounds = builtins.filter (bound: bound != "") [
    (lib.optionalString (limits.memoryMax != null) "${limits.memoryMax} of memory")
    (lib.optionalString (limits.cpuQuota != null) "${limits.cpuQuota} of one core's time")
    (lib.optionalString (limits.tasksMax != null) "${toString limits.tasksMax} processes and threads")
  ];
  tools = lib.unique (map lib.getName agent.packages);
in
  if isCloud
  then
    text.bullets [
      "Your pod is of the size `${agent.cloud.resources}`."
      "Your tools are part of its image: what you install by hand is gone when it starts anew."
    ]
  else
    text.bullets [
      [
        "${host} runs NixOS. What it is, is declared in its configuration; so are you, as `${option}`."
        "A change that is to stay belongs there: what is generated is overwritten by the next rebuild."
      ]
      (lib.optionalString (tools != []) "You were given, beside the usual tools: ${text.codes tools}.")
      "A tool that you lack again and again: ask that it be added to `${option}.packages`."
      (lib.optionalString (bounds != []) "All your processes together may use ${text.series "and" bounds}.")
    ]
