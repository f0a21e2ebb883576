# What the three modules here have in common: the same options, and what an agents input brings beside the agents.
{lib}: let
  inherit (lib) filterAttrs mkEnableOption mkOption types;
  agents = import ../../lib/agents.nix {inherit lib;};

  rootOf = input: input.outPath or input;

  directoriesIn = path:
    if builtins.pathExists path
    then lib.attrNames (filterAttrs (_: kind: kind == "directory") (builtins.readDir path))
    else [];
in {
  inherit agents directoriesIn rootOf;

  optionsFor = tool: {
    enable = mkEnableOption "the agents of an agents input in ${tool}";

    agentsInput = mkOption {
      # A flake is an attribute set, a checkout a path; a path to a store is a string.
      type = types.nullOr (types.either types.path (types.attrsOf types.raw));
      default = null;
      example = lib.literalExpression "inputs.agents";
      description = ''
        The flake or directory that holds the definitions: {file}`agents/NAME/agent.toml` and
        {file}`agents/NAME/system-prompt.md`, or a `lib.loadAgents` that gives them.
      '';
    };

    modelOverrides = mkOption {
      type = types.attrsOf types.str;
      default = {};
      example = {chiron = "anthropic/claude-sonnet-4";};
      description = "The model of each agent on this machine. Others take the tool's own default.";
    };
  };

  # canonicalOf :: { tool, cfg } -> { ${name} :: attrs }
  canonicalOf = {
    tool,
    cfg,
  }:
    if cfg.agentsInput == null
    then throw "coding.agents.${tool}.agentsInput: name the flake or directory that holds the definitions."
    else agents.loadCanonical {inherit (cfg) agentsInput;};

  # Skills that a definition names and nobody brings.
  missingSkills = cfg: canonical: let
    present = directoriesIn (rootOf cfg.agentsInput + "/skills");
    missing = agent: lib.subtractLists present agent.skills;
  in
    lib.concatLists (lib.mapAttrsToList
      (name: agent: map (skill: "${name} names the skill ${skill}, and the agents input has no skills/${skill}") (missing agent))
      (lib.optionalAttrs (!(cfg.agentsInput ? lib.mkOpencodeSkills)) canonical));

  # skillLinks :: cfg -> string -> { ${path} = { source }; }
  skillLinks = cfg: target: let
    skills = rootOf cfg.agentsInput + "/skills";
  in
    lib.genAttrs' (directoriesIn skills) (skill: lib.nameValuePair "${target}/${skill}" {source = skills + "/${skill}";});

  texts = target: lib.mapAttrs' (path: text: lib.nameValuePair "${target}/${path}" {inherit text;});
}
