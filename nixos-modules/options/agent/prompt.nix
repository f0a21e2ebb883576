# What its prompt says beside what follows from the other options: prompt.*.
{
  config,
  lib,
  name,
  town,
  host,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) line;
  inherit (import ../../lib/prompt.nix {inherit lib;}) promptOf;
  section = types.submodule {
    options = {
      title = mkOption {
        type = line;
        example = "Release process";
        description = "Its heading.";
      };
      text = mkOption {
        type = types.lines;
        example = "Tag, then write the notes.";
        description = "Its text, in Markdown.";
      };
    };
  };
  structured = types.submodule {
    options = {
      file = mkOption {
        type = types.nullOr types.path;
        default = null;
        example = literalExpression "./agents/${name}/system-prompt.md";
        description = "A Markdown file that says who it is; it stands before everything else.";
      };

      workingStyle = mkOption {
        type = types.nullOr types.lines;
        default = null;
        example = "Read CLAUDE.md before you touch a repository.";
        description = "How it works; null: what every agent is told.";
      };

      sections = mkOption {
        type = types.listOf section;
        default = [];
        example = [
          {
            title = "Release process";
            text = "Tag, then write the notes.";
          }
        ];
        description = "Further sections, in this order, at the end.";
      };

      without = mkOption {
        type = types.listOf (types.enum ["machine" "environment" "sudo" "hardware" "collaboration" "xmpp" "teammates" "working-style"]);
        default = [];
        example = ["hardware"];
        description = "Generated sections to leave out.";
      };
    };
  };
in {
  options = {
    prompt = mkOption {
      type = types.coercedTo types.path (file: {inherit file;}) structured;
      default = {};
      example = literalExpression "./agents/${name}/system-prompt.md";
      description = ''
        What {file}`~/Claude/PROMPT.md` and {file}`~/.claude/CLAUDE.md` say beside what follows from the
        other options. A path stands for `{ file = …; }`.
      '';
    };

    promptText = mkOption {
      type = types.str;
      internal = true;
      readOnly = true;
      default = promptOf {
        inherit town host;
        agent = config;
      };
      description = "The whole prompt.";
    };
  };
}
