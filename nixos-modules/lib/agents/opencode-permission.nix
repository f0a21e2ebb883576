/*
Permissions in OpenCode's form: an object per tool whose last matching key decides, compared as in its
util/wildcard.ts: `*` any text, `?` one character, a final " *" also nothing at all, and no difference between
a backslash and a slash. What can't be said so is rendered stricter, with a sentence that says it.
*/
{
  lib,
  patterns,
}: let
  inherit (lib) any concatMap elem filter hasInfix hasPrefix hasSuffix optional optionals;
  inherit (patterns) hasOperator isHomeOrAbsolute mayOverlap onePerPattern;

  everything = action: {
    pattern = "*";
    inherit action;
  };

  # What OpenCode hands to the rules of a tool (packages/opencode/src/tool/*.ts).
  kinds = {
    bash = "command"; # one simple command
    edit = "path"; # relative to the work tree, with .. outside it
    read = "path";
    external_directory = "directory"; # the absolute path of the file's directory, then "/*"
    # One answer for every use.
    doom_loop = "whole";
    lsp = "whole";
    question = "whole";
    todowrite = "whole";
    webfetch = "whole";
    websearch = "whole";
  };

  exact = rule: {rendered = [rule];};
  dropped = why: {
    rendered = [];
    inherit why;
  };
  widened = pattern: why: rule: {
    rendered = [(rule // {inherit pattern;})];
    inherit why;
    inexact = true;
  };

  # A JavaScript object puts keys that are numbers first, whatever their place.
  isNumber = pattern: builtins.match "0|[1-9][0-9]*" pattern != null;
  withoutFirst = pattern: "?${builtins.substring 1 (-1) pattern}";
  # It takes these for the home directory in the rules of every tool.
  isHome = pattern: hasPrefix "~/" pattern || pattern == "~" || hasPrefix "$HOME" pattern;

  # Text up to the first wildcard or operator, then anything; or anything, then the text after the last.
  around = pattern: let
    first = lib.trim (builtins.head (builtins.match "([^*?;|&]*).*" pattern));
    final = lib.trim (builtins.elemAt (builtins.match "(.*[*?;|&])?([^*?;|&]*)" pattern) 1);
  in
    if first != ""
    then "${first}*"
    else "*${final}";

  text = rule:
    if isNumber rule.pattern || isHome rule.pattern
    then
      if rule.action == "allow"
      then dropped "has a meaning of its own in OpenCode and is left out"
      else widened (withoutFirst rule.pattern) "has a meaning of its own in OpenCode and is rendered as ${withoutFirst rule.pattern}" rule
    else if hasInfix "\\" rule.pattern && rule.action == "allow"
    then dropped "is left out: OpenCode takes a backslash for a slash"
    else if hasInfix "\\" rule.pattern
    then exact rule // {inexact = true;}
    else exact rule;

  command = rule:
    if hasOperator rule.pattern && rule.action == "allow"
    then dropped "is left out: OpenCode looks at each command of a line by itself"
    else if hasOperator rule.pattern
    then widened (around rule.pattern) "is rendered as ${around rule.pattern}: OpenCode looks at each command of a line by itself" rule
    else if builtins.match "[<>].*" rule.pattern != null
    then exact rule // {why = "does not reach a line that is only a redirection: OpenCode does not ask about one";}
    else text rule;

  # `..` is how OpenCode begins the name of what lies outside, so no exception must match it by accident.
  reachesOut = pattern: builtins.match ".*[.][.?*/].*|[?][.?*].*" pattern != null;

  /*
  Where the project lies inside a directory that a rule for "*name*" means, a relative path does not show that
  name; the directory's absolute one does.
  */
  sameOutside = rule: let
    parts = builtins.match "[*]+([^*?]+)(.*)" rule.pattern;
    literal = builtins.head parts;
  in
    # One character may be the slash of an absolute path.
    optionals (hasPrefix "?" rule.pattern && rule.action != "allow") (directory rule).rendered
    ++ optionals (parts != null && rule.action != "allow") (
      if builtins.elemAt parts 1 != ""
      then [(rule // {pattern = "*${literal}*";})]
      else optional (hasInfix "/" literal) (rule // {pattern = "${parent rule.pattern}?";})
    );

  path = rule:
    if isHomeOrAbsolute rule.pattern && rule.action == "allow"
    then dropped "is left out: OpenCode compares paths relative to the project, and what lies outside with external_directory"
    else if isHomeOrAbsolute rule.pattern
    then {
      rendered = [];
      outside = (directory rule).rendered;
      why = "is rendered for external_directory, so for every tool: OpenCode compares paths relative to the project";
    }
    else if rule.action == "allow" && reachesOut rule.pattern
    then dropped "is left out: in OpenCode it would reach what lies outside the project"
    else if reachesOut rule.pattern
    then
      text rule
      // {
        inexact = true;
        outside = sameOutside rule;
      }
    else text rule // {outside = sameOutside rule;};

  parent = pattern: builtins.head (builtins.match "(.*/)?[^/]*" pattern);
  beforeWildcard = pattern: builtins.head (builtins.match "([^*?]*).*" pattern);

  # The directory's path and "/*" is what is compared, so a rule for a file must cover its directory.
  directory = rule: let
    literal = beforeWildcard rule.pattern;
    ofParent = parent literal;
    covering =
      optional (literal != rule.pattern) "${literal}*"
      ++ optional (ofParent != null) "${ofParent}?";
  in
    if builtins.match "[^\\]*/[*]+" rule.pattern != null && builtins.match "[^*?]*" (parent rule.pattern) != null
    then exact rule
    else if rule.action == "allow"
    then
      if hasSuffix "*" rule.pattern && !hasInfix "\\" rule.pattern
      then exact rule // {why = "allows whole directories only: OpenCode asks about directories";}
      else dropped "is left out: OpenCode asks about directories, not files"
    else {
      rendered = map (pattern: rule // {inherit pattern;}) covering;
      why = "covers the directories of what it names: OpenCode asks about directories, not files";
      inexact = true;
    };

  render = kind: rule:
    if kind == "command"
    then command rule
    else if kind == "path"
    then path rule
    else if kind == "directory"
    then directory rule
    else if kind == "whole" && rule.action == "allow"
    then dropped "is left out: OpenCode has one answer for every use"
    else if kind == "whole"
    then widened "*" "is rendered for every use: OpenCode has one answer for all of them" rule
    else text rule;

  # A final " *" would match nothing at all, too; a second star takes that away.
  withoutOptionalTail = rule:
    if hasSuffix " *" rule.pattern
    then rule // {pattern = "${rule.pattern}*";}
    else rule;

  /*
  A rule that covers more than it was written for must not take the place of a stricter one before it, nor of
  a stricter intent: asking would then be an exception from what is denied.
  */
  notLaxer = intent: before: covering: let
    deniedBefore = intent == "deny" || any (earlier: earlier.action == "deny" && mayOverlap earlier.pattern covering.pattern) before;
  in
    if covering.action == "ask" && deniedBefore
    then covering // {action = "deny";}
    else covering;

  step = kind: intent: state: rule: let
    outcome = render kind rule;
    fresh =
      if outcome.inexact or false
      then map (notLaxer intent state.rules) outcome.rendered
      else outcome.rendered;
  in {
    rules = state.rules ++ map withoutOptionalTail fresh;
    outside = state.outside ++ outcome.outside or [];
    notes = state.notes ++ optional (outcome ? why) "${rule.pattern}:${rule.action} ${outcome.why}";
  };

  rendered = tool: {
    intent,
    rules,
  }:
    lib.foldl' (step (kinds.${tool} or "text") intent) {
      rules = [];
      outside = [];
      notes = [];
    }
    rules;

  forHeadless = permission:
    permission
    // {
      intent = noAsk permission.intent;
      rules = map (rule: rule // {action = noAsk rule.action;}) permission.rules;
    };
  noAsk = action:
    if action == "ask"
    then "deny"
    else action;

  # What OpenCode asks about where a definition says nothing (agent/agent.ts); nobody is there to be asked.
  headlessDefaults = {
    doom_loop = {
      intent = "deny";
      rules = [];
    };
    external_directory = {
      intent = "deny";
      rules = [];
    };
    read = {
      intent = "allow";
      rules = [
        {
          pattern = "*.env";
          action = "deny";
        }
        {
          pattern = "*.env.*";
          action = "deny";
        }
        {
          pattern = "*.env.example";
          action = "allow";
        }
      ];
    };
  };

  tableOf = intent: rules: onePerPattern (optional (intent != null) (everything intent) ++ rules);
in {
  /*
  opencodePermissions :: { permissions, headless ? false } -> { tables, warnings }

  For each tool its keys in order, and a sentence for each rule that is not rendered as it is written.

  opencodePermissions { permissions.bash = { intent = "ask"; rules = [ "git *:allow" ]; }; }
  => { tables.bash = [ { pattern = "*"; action = "ask"; } { pattern = "git **"; action = "allow"; } ]; warnings = [ ]; }
  */
  opencodePermissions = {
    permissions,
    headless ? false,
  }: let
    written = lib.mapAttrs (_: patterns.normal) permissions;
    wanted =
      if headless
      then headlessDefaults // lib.mapAttrs (_: forHeadless) written
      else written;
    results = lib.mapAttrs rendered wanted;
    outside = concatMap (tool: results.${tool}.outside) (filter (tool: elem tool ["edit" "read"]) (lib.attrNames results));
    others = lib.mapAttrs (tool: result: tableOf wanted.${tool}.intent result.rules) results;
    # The rules of read and edit for what lies outside come last, after all that is said about directories.
    external = wanted.external_directory or {
      intent = "ask";
      rules = [];
    };
    said = results.external_directory.rules or [];
    # Without an exception before it, a rule that says what the intent says is no rule.
    needed = filter (rule: rule.action != external.intent || any (earlier: earlier.action != external.intent) (said ++ outside)) outside;
    directories = lib.foldl' (rules: rule: rules ++ [(notLaxer external.intent rules rule)]) said needed;
    intent =
      if wanted ? external_directory
      then external.intent
      else null;
  in {
    tables = others // lib.optionalAttrs (needed != []) {external_directory = tableOf intent directories;};
    warnings = lib.concatLists (lib.mapAttrsToList (tool: result: map (note: "${tool}: ${note}") result.notes) results);
  };
}
