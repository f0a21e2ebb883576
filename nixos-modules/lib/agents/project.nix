# One way in for every tool: as data, as a directory, and as links in a project.
{
  lib,
  loading,
  renderers,
  schema,
  slug,
}: let
  inherit (lib) attrNames concatStringsSep filter mapAttrsToList;

  known = attrNames renderers;

  checkOverrides = canonical: overrides: let
    strangers = filter (name: !(canonical ? ${name})) (attrNames overrides);
  in
    if strangers == []
    then overrides
    else throw "agents: modelOverrides names ${lib.head strangers}, and there is no such agent${schema.didYouMean (attrNames canonical) (lib.head strangers)}.";

  rendererOf = tool:
    renderers.${tool} or (throw "agents: there is no renderer for ${builtins.toJSON tool}, only ${concatStringsSep ", " known}.");

  /*
  rendering :: { tool, canonical, modelOverrides ? { }, headless ? false, primary ? null } -> { files, warnings }

  What a tool gets, by its path below a project, without building anything: for who evaluates only.

  rendering { tool = "pi"; canonical = loadAgents ./agents; }
  => { files."AGENTS.md" = "…"; files.".pi/SYSTEM.md" = "You are Ada.\n"; warnings = [ ]; }
  */
  rendering = {
    tool,
    canonical,
    modelOverrides ? {},
    headless ? false,
    primary ? null,
  }:
    (rendererOf tool) {
      inherit canonical headless primary;
      modelOverrides = checkOverrides canonical modelOverrides;
    };

  warned = warnings: value: lib.foldl' (inner: warning: lib.warn "agents: ${warning}" inner) value warnings;

  # The name says whose links into it are: shell-hook.sh knows them by it.
  storeName = tool: "nuketown-agents-${tool}";

  directory = pkgs: tool: rendered:
    pkgs.linkFarm (storeName tool) (mapAttrsToList (path: text: {
        name = path;
        path = pkgs.writeText (builtins.baseNameOf path) text;
      })
      rendered.files);

  renderCanonical = tool: {
    pkgs,
    canonical,
    modelOverrides ? {},
    headless ? false,
    primary ? null,
  }: let
    rendered = rendering {inherit canonical headless modelOverrides primary tool;};
  in
    warned rendered.warnings (directory pkgs tool rendered);

  /*
  renderForTool :: { pkgs, agentsInput, tool, modelOverrides ? { }, headless ? false, primary ? null } -> derivation

  A directory with the files of a project, from an agents input.

  renderForTool { inherit pkgs; agentsInput = inputs.agents; tool = "opencode"; }
  => «derivation …-nuketown-agents-opencode» with .opencode/agent/ada.md
  */
  renderForTool = {
    pkgs,
    agentsInput,
    tool,
    modelOverrides ? {},
    headless ? false,
    primary ? null,
  }:
    renderCanonical tool {
      inherit headless modelOverrides pkgs primary;
      canonical = loading.loadCanonical {inherit agentsInput;};
    };
in {
  inherit checkOverrides renderForTool rendering;

  # renderForX :: { pkgs, canonical, modelOverrides ? { }, … } -> derivation
  renderForOpencode = renderCanonical "opencode";
  renderForClaudeCode = renderCanonical "claude-code";
  renderForPi = renderCanonical "pi";

  /*
  shellHookForTool :: { pkgs, agentsInput, tool, modelOverrides ? { }, headless ? false, primary ? null } -> string

  For a development shell: links a tool's files into the project (the nearest directory upwards with a
  flake.nix), takes away links of its own that lead nowhere any more, and keeps them out of git. What it did
  not make it leaves alone, and says so.

  mkShell { shellHook = shellHookForTool { inherit pkgs; agentsInput = inputs.agents; tool = "claude-code"; }; }
  */
  shellHookForTool = {
    pkgs,
    tool,
    ...
  } @ arguments: let
    linker = pkgs.writeShellApplication {
      name = "nuketown-link-agents";
      runtimeInputs = [pkgs.coreutils pkgs.findutils pkgs.gnugrep];
      text = builtins.readFile ./shell-hook.sh;
    };
  in "${lib.getExe linker} ${storeName tool} ${renderForTool arguments}\n";

  inherit (slug) slugify;
}
