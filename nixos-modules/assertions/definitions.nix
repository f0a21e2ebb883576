# Definitions of agents, where they live: who they speak of is there, and what a tool can't be told is said.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  defined = lib.filterAttrs (_: agent: agent.canonical != null) cfg.enabledAgents;
  known = builtins.attrNames cfg.agents ++ builtins.attrNames cfg.roster;

  # @ada at the beginning of a word, and no more of an address behind it.
  mentions = text:
    lib.unique (builtins.concatMap (part:
      if builtins.isList part && builtins.elemAt part 3 == ""
      then [(builtins.elemAt part 1)]
      else []) (builtins.split "(^|[[:space:](])@([a-z0-9]+(-[a-z0-9]+)*)([./@]?)" text));

  strangers = agent: lib.subtractLists known (mentions agent.canonical.systemPrompt);

  ofAgent = name: agent:
    map (warning: "nuketown.agents.${name}.definition: ${warning}.") agent.definitionWarnings
    ++ map (stranger: ''
      nuketown.agents.${name}.definition: its prompt speaks of @${stranger}, whom it can't reach: declare
      nuketown.agents.${stranger} or nuketown.roster.${stranger}, or take the name out of the prompt.
    '') (strangers agent);
in {
  config.warnings = lib.concatLists (lib.mapAttrsToList ofAgent defined);
}
