# Agents as OpenCode reads them: .opencode/agent/NAME.md, the V1 form (docs/agent-definitions.md says why).
{
  lib,
  frontMatter,
  opencodePermission,
  slug,
}: let
  inherit (lib) nameValuePair optional;

  # Without a provider OpenCode takes the whole name for one.
  checkedModel = name: model:
    if builtins.match "[^/[:space:]]+/[^[:space:]]+" model == null
    then throw "agents: the model of ${name} is ${builtins.toJSON model}; OpenCode wants provider/model, for example anthropic/claude-sonnet-4."
    else model;

  # Some tools take nothing but one word, and for the others it means the same.
  permissionTable = table:
    if map (rule: rule.pattern) table == ["*"]
    then (lib.head table).action
    else frontMatter.ordered (map (rule: nameValuePair rule.pattern rule.action) table);

  agentFile = {
    agent,
    model,
    tables,
  }:
    frontMatter.document (
      [
        (nameValuePair "description" agent.description)
        # The default is "all"; a definition says what it means.
        (nameValuePair "mode" agent.mode)
      ]
      ++ optional (model != null) (nameValuePair "model" (checkedModel agent.name model))
      ++ optional (agent ? max_turns) (nameValuePair "steps" agent.max_turns)
      ++ optional (tables != {}) (nameValuePair "permission" (frontMatter.ordered (lib.mapAttrsToList (tool: table: nameValuePair tool (permissionTable table)) tables)))
    )
    agent.systemPrompt;

  rendered = {
    modelOverrides,
    headless,
  }: name: agent: let
    permission = opencodePermission.opencodePermissions {
      inherit (agent) permissions;
      inherit headless;
    };
  in {
    path = "agent/${slug.slugify name}.md";
    text = agentFile {
      inherit agent;
      model = modelOverrides.${name} or null;
      inherit (permission) tables;
    };
    warnings = map (warning: "${name}: OpenCode: ${warning}") permission.warnings;
  };
in {
  /*
  opencodeFiles :: { canonical, modelOverrides ? { }, headless ? false } -> { files = { ${path} :: string }, warnings }

  The files of `.opencode/` (in a project) or `~/.config/opencode/` (for a user). With `headless` nothing is
  asked, because OpenCode waits for ever where nobody answers: what a person would be asked is denied.

  opencodeFiles { canonical = loadAgents ./agents; }
  => { files."agent/ada.md" = "---\n…"; warnings = [ ]; }
  */
  opencodeFiles = {
    canonical,
    modelOverrides ? {},
    headless ? false,
  }: let
    agents = lib.mapAttrsToList (rendered {inherit modelOverrides headless;}) canonical;
  in {
    files = slug.onePathEach (map (agent: nameValuePair agent.path agent.text) agents);
    warnings = lib.concatMap (agent: agent.warnings) agents;
  };
}
