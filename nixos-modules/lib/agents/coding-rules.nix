# Coding rules of an agents input for a project: rules/{concerns,languages,frameworks}/NAME.md.
{lib}: let
  directory = ".opencode-rules";
  under = kind: map (name: "${directory}/${kind}/${name}.md");

  /*
  mkCodingRules :: { agents, languages ? [ ], concerns ? [ … ], frameworks ? [ ], extraInstructions ? [ ] } -> { shellHook, instructions }

  The instructions for OpenCode, and a hook that links the rules and an opencode.json that names them into the
  current directory. What it did not make it leaves alone, and says so.

  mkCodingRules { agents = inputs.agents; languages = [ "nix" ]; concerns = [ ]; }
  => { instructions = [ ".opencode-rules/languages/nix.md" ]; shellHook = "…"; }
  */
  mkCodingRules = {
    agents,
    languages ? [],
    concerns ? [
      "coding-style"
      "naming"
      "documentation"
      "testing"
      "git-workflow"
      "project-structure"
    ],
    frameworks ? [],
    extraInstructions ? [],
  }: let
    instructions = under "concerns" concerns ++ under "languages" languages ++ under "frameworks" frameworks ++ extraInstructions;
    # There are no packages here to build it with.
    configuration = builtins.toFile "nuketown-coding-rules.json" (builtins.toJSON {
      "$schema" = "https://opencode.ai/config.json";
      inherit instructions;
    });
  in {
    inherit instructions;
    shellHook = "bash ${./coding-rules.sh} ${lib.escapeShellArgs ["${agents}/rules" configuration]}\n";
  };
in {
  inherit mkCodingRules;

  # The name it had when there was one tool.
  mkOpencodeRules = lib.warn "agents: mkOpencodeRules is now mkCodingRules; the old name goes with the next release but one." mkCodingRules;
}
