# The shape of before: one agents.json in OpenCode's own terms. Read with a warning, and written for who still reads it.
{
  lib,
  patterns,
  slug,
}: let
  inherit (lib) any concatMap filter filterAttrs imap0 isString mapAttrs mapAttrs' nameValuePair;

  # builtins.fromJSON sorts the keys, and their order decided. What is strict comes last, so it wins.
  rulesOf = table:
    concatMap (action: map (pattern: "${pattern}:${action}") (lib.attrNames (filterAttrs (pattern: given: given == action && pattern != "*") table)))
    ["allow" "ask" "deny"];

  permissionOf = permission:
    if isString permission
    then {
      intent = permission;
      rules = [];
    }
    else {
      # OpenCode asks where nothing matches.
      intent = permission."*" or "ask";
      rules = rulesOf permission;
    };

  # A "*" that does not come first would override what stands before it, and that can't be seen any more.
  starsComeFirst = text: let
    keys = filter lib.isList (builtins.split "(\\{)?[[:space:]]*\"\\*\"[[:space:]]*:" text);
  in
    !any (key: lib.head key == null) keys;

  promptOf = root: name: text: let
    file = builtins.match "\\{file:(\\./)?([^}]+)}" text;
    path = root + "/${builtins.elemAt file 1}";
  in
    if file == null
    then text
    else if builtins.pathExists path
    then builtins.readFile path
    else throw "agents: the prompt of ${name} is ${text}, and ${toString path} is not there.";

  agentOf = root: name: old:
    {
      name = slug.slugify name;
      description = old.description or name;
      # OpenCode's default, not ours.
      mode = old.mode or "all";
      permissions = mapAttrs (_: permissionOf) (old.permission or {});
      systemPrompt = promptOf root name (old.prompt or "");
    }
    // lib.optionalAttrs (slug.slugify name != name) {display_name = name;}
    // lib.optionalAttrs (old ? steps) {max_turns = old.steps;};

  # Sorted keys say the same as ordered ones if no rule moves past one that it overlaps and disagrees with.
  sortingKeepsMeaning = rules: let
    numbered = imap0 (index: rule: {inherit index rule;}) rules;
    disturbs = a: b:
      a.index
      < b.index
      && a.rule.pattern > b.rule.pattern
      && a.rule.action != b.rule.action
      && patterns.mayOverlap a.rule.pattern b.rule.pattern;
  in
    !any (a: any (disturbs a) numbered) numbered;

  tableOf = where: permission: let
    inherit (patterns.normal permission) intent rules;
    # "*" has to come first after sorting, too.
    early = filter (rule: rule.pattern < "*") rules;
  in
    if rules == []
    then intent
    else if early == [] && sortingKeepsMeaning rules
    then {"*" = intent;} // lib.listToAttrs (map (rule: nameValuePair rule.pattern rule.action) rules)
    else
      lib.warn "agents: ${where}: agents.json can't keep the order of the rules; the strictest of them holds for all."
      (patterns.strictest ([intent] ++ map (rule: rule.action) rules));
in {
  # agentsFromJson :: { root, old } -> { ${name} :: attrs }
  agentsFromJson = {
    root,
    old,
  }: let
    text = builtins.readFile old;
    agents = lib.mapAttrsToList (agentOf root) (builtins.fromJSON text);
  in
    if !starsComeFirst text
    then throw "agents: in ${toString old} a \"*\" is not the first of its keys, and Nix can't see what it overrides; convert it with `nuketown agents import`."
    else slug.onePathEach (map (agent: nameValuePair agent.name agent) agents);

  /*
  agentsJson :: { canonical, modelOverrides ? { } } -> { ${display name} :: attrs }

  What agents.json held, for who has not moved on. A bridge: it goes when nobody needs it.

  agentsJson { canonical = loadAgents ./agents; modelOverrides.ada = "anthropic/claude-sonnet-4"; }
  => { Ada = { description = "Writes code."; mode = "primary"; model = "anthropic/claude-sonnet-4"; prompt = "…"; permission = { … }; }; }
  */
  agentsJson = {
    canonical,
    modelOverrides ? {},
  }:
    mapAttrs' (name: agent:
      nameValuePair (agent.display_name or agent.name) (
        {
          inherit (agent) description mode;
          prompt = agent.systemPrompt;
        }
        // lib.optionalAttrs (agent.permissions != {}) {permission = mapAttrs (tool: tableOf "${name}: ${tool}") agent.permissions;}
        // lib.optionalAttrs (agent ? max_turns) {steps = agent.max_turns;}
        // lib.optionalAttrs (modelOverrides ? ${name}) {model = modelOverrides.${name};}
      ))
    canonical;
}
