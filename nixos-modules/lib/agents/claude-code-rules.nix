/*
Rules in Claude Code's form: lists of Tool(specifier) of which deny goes before ask and ask before allow, however
specific they are (code.claude.com/docs/en/permissions). A list that holds at least what was forbidden and at
most what was allowed can only be stricter.
*/
{
  lib,
  patterns,
}: let
  inherit (lib) concatMap elem hasInfix hasPrefix hasSuffix optionals;
  inherit (patterns) isHomeOrAbsolute wildcardFree;

  # Claude Code's names for what a permission is about.
  toolNames = {
    bash = ["Bash"];
    edit = ["Edit" "Write" "NotebookEdit"];
    glob = ["Glob"];
    grep = ["Grep"];
    lsp = ["LSP"];
    question = ["AskUserQuestion"];
    read = ["Read"];
    skill = ["Skill"];
    task = ["Agent"];
    todowrite = ["TodoWrite" "TaskCreate" "TaskUpdate"];
    webfetch = ["WebFetch"];
    websearch = ["WebSearch"];
  };

  none = why: {
    specifiers = [];
    inherit why;
  };
  only = specifiers: {inherit specifiers;};

  starred = builtins.replaceStrings ["\\" "?"] ["*" "*"];

  /*
  A final " *" would match nothing at all, too, and a final ":*" is an older form for the same; a second star
  makes both what they look like.
  */
  literalTail = pattern:
    if hasSuffix " *" pattern || hasSuffix ":*" pattern
    then "${pattern}*"
    else pattern;

  command = rule:
    if lib.trim rule.pattern != rule.pattern
    then none "is left out: Claude Code compares commands without the space around them"
    else if rule.action == "allow" && starred rule.pattern != rule.pattern
    then none "is left out: in Claude Code ? and \\ have other meanings"
    else if starred rule.pattern != rule.pattern
    then only ["Bash(${literalTail (starred rule.pattern)})"] // {why = "is rendered as ${starred rule.pattern}: in Claude Code ? and \\ have other meanings";}
    else only ["Bash(${literalTail rule.pattern})"];

  # --- paths: .gitignore's patterns, where * stays in a directory and what is below a match is matched too

  escaped = builtins.replaceStrings ["\\" "[" "]"] ["\\\\" "\\[" "\\]"];
  beforeWildcard = pattern: builtins.head (builtins.match "([^*?]*).*" pattern);

  # `//` is the root of the file system, `./` the session's directory.
  anchored = pattern:
    if hasPrefix "$HOME/" pattern
    then "~/${lib.removePrefix "$HOME/" pattern}"
    else if hasPrefix "/" pattern
    then "/${pattern}"
    else if isHomeOrAbsolute pattern
    then pattern
    else "./${pattern}";

  # At least what "literal, then anything" covers.
  below = literal:
    if hasSuffix "/" literal
    then "${anchored (escaped literal)}**"
    else "${anchored (escaped literal)}*";

  # At least what "*literal…" covers, wherever it lies.
  anywhere = literal: hasMore: let
    start =
      if hasPrefix "/" literal
      then escaped (lib.removePrefix "/" literal)
      else "*${escaped literal}";
  in
    if literal == ""
    then "//**"
    else if !hasMore
    then "//**/${start}"
    else if hasSuffix "/" literal
    then "//**/${start}**"
    else "//**/${start}*";

  atLeast = pattern: let
    leading = builtins.match "[*?]+([^*?]*)(.*)" pattern;
  in
    if leading != null
    then anywhere (lib.trim (builtins.head leading)) (lib.trim pattern != pattern || builtins.elemAt leading 1 != "")
    else if wildcardFree pattern && lib.trim pattern == pattern
    then anchored (escaped pattern)
    else below (lib.trim (beforeWildcard pattern));

  # Ends in "everything below": whole directories are all that can be given.
  isBelow = pattern:
    builtins.match "[^*?[\\]+/[*]+" pattern
    != null
    && !lib.any (part: hasInfix part pattern) ["]" "//" "/./" "/../"];

  pathTools = {
    read = ["Read"];
    edit = ["Edit"];
    external_directory = ["Read" "Edit"];
  };

  # `Docs` matches `docs` there, and what lies below a match is matched: more than an allow may mean.
  path = tool: rule:
    if rule.action == "allow"
    then none "is left out: Claude Code compares paths without regard to case"
    else only (map (name: "${name}(${atLeast rule.pattern})") pathTools.${tool});

  # --- everything else: a name in full, or the whole tool

  named = tool: rule:
    if elem tool ["skill" "task"] && builtins.match "[A-Za-z0-9_-]+" rule.pattern != null
    then only (map (name: "${name}(${rule.pattern})") toolNames.${tool})
    else if rule.action == "allow"
    then none "is left out: Claude Code has no such rule for ${tool}"
    else only toolNames.${tool} // {why = "is rendered for every use: Claude Code has no such rule for ${tool}";};

  directoryOf = rule:
    if rule.action == "allow" && isHomeOrAbsolute rule.pattern && isBelow rule.pattern
    then {
      specifiers = [];
      directories = [(lib.removeSuffix "/" (builtins.replaceStrings ["$HOME/"] ["~/"] (beforeWildcard rule.pattern)))];
    }
    else if rule.action == "allow"
    then none "is left out: Claude Code can only be given whole directories by their path"
    else if isHomeOrAbsolute rule.pattern || hasPrefix "*" rule.pattern || hasPrefix "?" rule.pattern
    then path "external_directory" rule
    else none "is left out: no path outside the project begins so";
in {
  inherit toolNames;

  /*
  specifiers :: string -> { pattern, action } -> { specifiers, directories ? [string], why ? string }

  A rule in Claude Code's form, and why it is not quite the same.

  specifiers "bash" { pattern = "git *"; action = "allow"; }
  => { specifiers = [ "Bash(git **)" ]; }
  */
  specifiers = tool: rule:
    if tool == "bash"
    then command rule
    else if tool == "external_directory"
    then directoryOf rule
    else if elem tool ["read" "edit"]
    then path tool rule
    else named tool rule;

  /*
  everyUse :: string -> [string]

  For a tool's intent. `Edit` alone would be one of three tools; its path rules are for all of them.
  */
  everyUse = tool:
    if tool == "edit"
    then ["Edit(//**)"]
    else toolNames.${tool} or [];

  # In Claude Code reading in the project needs no rule, and a rule for all of Read would open every directory.
  allowEveryUse = tool:
    if tool == "read"
    then []
    else if tool == "edit"
    then ["Edit(./**)"]
    else toolNames.${tool} or [];

  unaskedRules = granted:
    concatMap (entry:
      optionals (!granted entry) ["Bash(${entry})"]
      ++ optionals (!granted "${entry} *") ["Bash(${entry} **)"]) (import ./claude-code-unasked.nix);

  unaskedPatterns = concatMap (entry: [entry "${entry} *"]) (import ./claude-code-unasked.nix);
}
