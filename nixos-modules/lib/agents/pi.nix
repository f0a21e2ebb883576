/*
Pi has neither sub-agents nor permissions: one agent's prompt becomes its system prompt, the others become
sections of AGENTS.md, and a tool is on or off (its docs/settings.md, docs/usage.md).
*/
{
  lib,
  patterns,
}: let
  inherit (lib) all attrNames concatStringsSep elem filter filterAttrs head length optional optionals;

  piTools = {
    bash = ["bash"];
    edit = ["edit" "write"];
    glob = ["find"];
    grep = ["grep"];
    list = ["ls"];
    read = ["read"];
  };
  # What is on where settings.json does not say.
  onByDefault = ["read" "bash" "edit" "write"];

  displayName = agent: agent.display_name or agent.name;

  isAllowed = permission: permission.intent == "allow" && all (rule: rule.action == "allow") permission.rules;

  toolsOf = permissions: let
    here = filterAttrs (name: _: piTools ? ${name}) permissions;
    named = lib.concatMap (name: piTools.${name}) (attrNames here);
    allowed = lib.concatMap (name: piTools.${name}) (attrNames (filterAttrs (_: isAllowed) here));
  in
    if here == {}
    then null
    else filter (tool: !elem tool named) onByDefault ++ allowed;

  settingsOf = {
    permissions,
    model,
  }: let
    tools = toolsOf permissions;
    parts =
      if model == null
      then null
      else builtins.match "([^/]+)/(.+)" model;
  in
    lib.optionalAttrs (tools != null) {defaultTools = tools;}
    // lib.optionalAttrs (model != null) (
      if parts == null
      then {defaultModel = model;}
      else {
        defaultProvider = builtins.elemAt parts 0;
        defaultModel = builtins.elemAt parts 1;
      }
    );

  choose = canonical: primary: let
    candidates = attrNames (filterAttrs (_: agent: agent.mode != "subagent") canonical);
    preferred = filter (name: canonical.${name}.mode == "primary") candidates ++ candidates;
  in
    if primary != null && !(canonical ? ${primary})
    then throw "agents: there is no agent ${primary} to be Pi's primary one, only ${concatStringsSep ", " (attrNames canonical)}."
    else if primary != null
    then primary
    else if candidates == []
    then null
    else head preferred;

  section = agent: "\n## ${displayName agent}\n\n${agent.description}\n\n${agent.systemPrompt}" + lib.optionalString (!lib.hasSuffix "\n" agent.systemPrompt) "\n";
  entry = agent: "- ${displayName agent}: ${lib.concatStringsSep " " (lib.splitString "\n" (lib.trim agent.description))}\n";

  agentsMd = canonical: chosen: let
    others = lib.attrValues (removeAttrs canonical (optional (chosen != null) chosen));
  in
    "# Agent instructions\n"
    + lib.optionalString (chosen != null) "\nYou are ${displayName canonical.${chosen}}: ${canonical.${chosen}.description}\n"
    + lib.optionalString (others != []) (
      "\nPi runs one agent. Where a task is a specialist's, follow that specialist's section.\n\n"
      + lib.concatMapStrings entry others
      + lib.concatMapStrings section others
    );

  permissionWarnings = chosen: name: permissions: let
    limited = attrNames (filterAttrs (_: permission: !isAllowed permission) permissions);
    off = filter (tool: piTools ? ${tool}) limited;
  in
    optional (limited != []) (
      "${name}: Pi has no permissions: ${concatStringsSep ", " limited} "
      + (
        if name != chosen
        then "can't be limited for one agent"
        else if off == []
        then "can't be limited"
        else
          "can't be limited; ${concatStringsSep ", " off} ${
            if length off == 1
            then "is"
            else "are"
          } turned off"
      )
    );
in {
  /*
  piFiles :: { canonical, modelOverrides ? { }, primary ? null } -> { files, settings, warnings }

  AGENTS.md and SYSTEM.md; `settings` for Pi's settings.json. Without `primary` it is the first primary agent.

  piFiles { canonical = loadAgents ./agents; }
  => { files."SYSTEM.md" = "You are Ada.\n"; files."AGENTS.md" = "…"; settings.defaultTools = [ "read" ]; warnings = [ ]; }
  */
  piFiles = {
    canonical,
    modelOverrides ? {},
    primary ? null,
  }: let
    chosen = choose canonical primary;
    permissionsOf = lib.mapAttrs (_: agent: lib.mapAttrs (_: patterns.normal) agent.permissions) canonical;
    rivals = attrNames (filterAttrs (_: agent: agent.mode == "primary") canonical);
  in {
    files =
      {"AGENTS.md" = agentsMd canonical chosen;}
      // lib.optionalAttrs (chosen != null) {"SYSTEM.md" = canonical.${chosen}.systemPrompt;};
    settings = lib.optionalAttrs (chosen != null) (settingsOf {
      permissions = permissionsOf.${chosen};
      model = modelOverrides.${chosen} or null;
    });
    warnings =
      optionals (primary == null && length rivals > 1)
      ["Pi runs one agent: of ${concatStringsSep ", " rivals} it is ${chosen}; name another with primary"]
      ++ optional (chosen == null && canonical != {}) "Pi runs one agent, and none of ${concatStringsSep ", " (attrNames canonical)} is a primary one: there is no SYSTEM.md"
      ++ lib.concatLists (lib.mapAttrsToList (permissionWarnings chosen) permissionsOf);
  };
}
