# Definitions from directories: NAME/agent.toml and NAME/system-prompt.md. Read while evaluating, never built.
{
  lib,
  legacy,
  schema,
}: let
  inherit (lib) concatStringsSep filterAttrs mapAttrs;

  # What a definition means that leaves a field out.
  defaults = {
    mode = schema.schema.properties.mode.default;
    permissions = {};
    skills = [];
    context = [];
    rules = [];
    tags = [];
  };

  checked = where: definition: let
    errors = schema.definitionErrors definition;
  in
    if errors != []
    then throw "agents: ${where}: ${concatStringsSep "; " errors}."
    else defaults // definition;

  loadOne = directory: name: let
    file = directory + "/${name}/agent.toml";
    prompt = directory + "/${name}/system-prompt.md";
    definition = checked (toString file) (builtins.fromTOML (builtins.readFile file));
  in
    if !builtins.pathExists prompt
    then throw "agents: ${toString directory}/${name} has no system-prompt.md beside agent.toml."
    else if definition.name != name
    then throw "agents: ${toString file} is about ${definition.name}; the directory and the agent have one name."
    else definition // {systemPrompt = builtins.readFile prompt;};

  /*
  loadAgents :: path -> { ${name} :: attrs }

  Every directory with an agent.toml; its fields, with defaults, and `systemPrompt`.

  loadAgents ./agents
  => { ada = { name = "ada"; description = "Writes code."; mode = "primary"; …; systemPrompt = "You are Ada.\n"; }; }
  */
  loadAgents = directory:
    mapAttrs (name: _: loadOne directory name)
    (filterAttrs (name: kind: kind == "directory" && builtins.pathExists (directory + "/${name}/agent.toml"))
      (builtins.readDir directory));

  # Definitions that another flake's own loader read: the same rules hold.
  recheck = mapAttrs (name: agent:
    if !(agent ? systemPrompt)
    then throw "agents: ${name} of the agents input has no systemPrompt."
    else checked "${name} of the agents input" (removeAttrs agent ["systemPrompt"]) // {inherit (agent) systemPrompt;});
in {
  inherit loadAgents;

  /*
  loadCanonical :: { agentsInput } -> { ${name} :: attrs }

  The definitions of an agents input: by its own `lib.loadAgents`, else from its `agents/` directory, else, with
  a warning, from the `agents/agents.json` of before there were definitions. A path to such a directory will do.
  */
  loadCanonical = {agentsInput}: let
    root = agentsInput.outPath or agentsInput;
    directory = root + "/agents";
    definitions = lib.optionalAttrs (builtins.pathExists directory) (loadAgents directory);
    old = directory + "/agents.json";
  in
    if agentsInput ? lib.loadAgents
    then recheck agentsInput.lib.loadAgents
    else if definitions != {}
    then definitions
    else if builtins.pathExists old
    then
      lib.warn "agents: ${toString old} has the old shape; `nuketown agents import` makes definitions of it."
      (recheck (legacy.agentsFromJson {inherit root old;}))
    else throw "agents: ${toString root} has neither agents/NAME/agent.toml nor agents/agents.json.";
}
