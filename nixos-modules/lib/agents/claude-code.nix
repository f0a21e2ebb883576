# Agents as Claude Code reads them: .claude/agents/NAME.md, and one .claude/settings.json for all of them.
{
  lib,
  claudeRules,
  claudeSettings,
  frontMatter,
  patterns,
  slug,
}: let
  inherit (lib) concatMap filterAttrs mapAttrs nameValuePair optional;

  # Aliases and full names are Anthropic's; elsewhere they carry the provider's name before them.
  claudeModel = name: model: let
    plain = lib.removePrefix "anthropic/" model;
  in
    if lib.hasInfix "/" plain
    then throw "agents: the model of ${name} is ${builtins.toJSON model}; Claude Code runs Anthropic's models: an alias such as sonnet, or a full name."
    else plain;

  # What a file can say about one agent alone is only that a tool is not there.
  takenAway = tool: permission: permission.intent == "deny" && tool != "external_directory" && claudeRules.toolNames ? ${tool};

  ownWarnings = name: permissions:
    lib.concatLists (lib.mapAttrsToList (tool: permission:
      optional (takenAway tool permission && permission.rules != [])
      "${name}: Claude Code: ${tool}: the whole tool is taken away: what is denied can have no exceptions"
      ++ optional (tool == "doom_loop" && permission.intent != "allow") "${name}: Claude Code: doom_loop: Claude Code has no such check"
      ++ optional (tool == "external_directory" && permission.intent == "deny")
      "${name}: Claude Code: external_directory: permissionMode is dontAsk, so that all that would be asked is denied: there is no rule for what lies outside alone")
    permissions);

  agentFile = {
    agent,
    model,
    permissions,
  }: let
    taken = filterAttrs takenAway permissions;
    disallowed = concatMap (tool: claudeRules.toolNames.${tool}) (lib.attrNames taken);
  in
    frontMatter.document (
      [
        (nameValuePair "name" (slug.slugify agent.name))
        (nameValuePair "description" agent.description)
      ]
      ++ optional (model != null) (nameValuePair "model" (claudeModel agent.name model))
      ++ optional (disallowed != []) (nameValuePair "disallowedTools" disallowed)
      ++ optional ((permissions.external_directory or {intent = "allow";}).intent == "deny") (nameValuePair "permissionMode" "dontAsk")
      ++ optional (agent ? max_turns) (nameValuePair "maxTurns" agent.max_turns)
      ++ optional (agent.skills != []) (nameValuePair "skills" agent.skills)
    )
    agent.systemPrompt;

  # For settings.json: every tool that the agent has, null where the definition says nothing about it.
  shared = permissions:
    filterAttrs (tool: permission: permission == null || !takenAway tool permission)
    (mapAttrs (tool: _: permissions.${tool} or null) (claudeRules.toolNames // {external_directory = [];}));

  /*
  claudeCodeFiles :: { canonical, modelOverrides ? { } } -> { files = { ${path} :: string }, settings, warnings }

  The files of `.claude/` and the permissions for its settings.json.

  claudeCodeFiles { canonical = loadAgents ./agents; }
  => { files."agents/ada.md" = "---\n…"; settings.permissions.deny = [ "Bash(rm -rf **)" ]; warnings = [ ]; }
  */
  claudeCodeFiles = {
    canonical,
    modelOverrides ? {},
  }: let
    permissionsOf = mapAttrs (_: agent: mapAttrs (_: patterns.normal) agent.permissions) canonical;
    lists = claudeSettings.permissionLists (mapAttrs (_: shared) permissionsOf);
    permissions = filterAttrs (_: list: list != []) (removeAttrs lists ["warnings"]);
  in {
    files = slug.onePathEach (lib.mapAttrsToList (name: agent:
      nameValuePair "agents/${slug.slugify name}.md" (agentFile {
        inherit agent;
        model = modelOverrides.${name} or null;
        permissions = permissionsOf.${name};
      }))
    canonical);
    settings = lib.optionalAttrs (permissions != {}) {inherit permissions;};
    warnings = lib.concatLists (lib.mapAttrsToList ownWarnings permissionsOf) ++ lists.warnings;
  };
in {
  inherit claudeCodeFiles;

  /*
  claudeCodeAccount :: attrs -> { settings, warnings }

  The settings of an account that is this one agent: what its file would take away from a sub-agent, they deny.

  claudeCodeAccount (loadAgents ./agents).ada
  => { settings.permissions.deny = [ "WebFetch" "Bash(rm -rf **)" ]; warnings = [ ]; }
  */
  claudeCodeAccount = agent: let
    rendered = claudeCodeFiles {canonical.${agent.name} = agent;};
    taken = filterAttrs takenAway (mapAttrs (_: patterns.normal) agent.permissions);
    whole = concatMap (tool: claudeRules.toolNames.${tool}) (lib.attrNames taken);
    permissions = rendered.settings.permissions or {};
  in {
    inherit (rendered) warnings;
    settings = lib.optionalAttrs (permissions != {} || whole != []) {
      permissions = permissions // lib.optionalAttrs (whole != []) {deny = whole ++ permissions.deny or [];};
    };
  };
}
