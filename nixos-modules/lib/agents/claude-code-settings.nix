/*
One settings.json for every agent of a project: what one may not, none may, and only what all may is allowed.
What a single agent may not use at all goes into its own file (claude-code.nix).
*/
{
  lib,
  claudeRules,
  patterns,
}: let
  inherit (lib) all any attrNames concatMap elem filter filterAttrs head length optional optionals unique;
  inherit (patterns) contains laterLaxer mayOverlap;

  actionRules = action: filter (rule: rule.action == action);
  names = agents: lib.concatStringsSep ", " (attrNames agents);

  # null: the definition says nothing, so the program's default holds: nothing is given and nothing is taken.
  grants = pattern: permission:
    permission
    != null
    && (permission.intent == "allow" || any (rule: contains rule.pattern pattern) (actionRules "allow" permission.rules));

  forTool = tool: users: let
    speaking = filterAttrs (_: permission: permission != null) users;
    ofEach = f: lib.concatLists (lib.mapAttrsToList f speaking);
    grantedByAll = pattern: granted.${pattern};
    # Each pattern is looked at once, however many agents have it.
    granted = lib.genAttrs (map (rule: rule.pattern) allowRules) (pattern: all (grants pattern) (lib.attrValues users));
    asking = filterAttrs (_: permission: permission.intent == "ask") speaking;

    rendered = action: rules: concatMap (rule: (claudeRules.specifiers tool rule).specifiers) (actionRules action rules);
    ruled = action: ofEach (_: permission: rendered action permission.rules);

    allowRules = ofEach (_: permission: actionRules "allow" permission.rules);
    allowedByAll = filter (rule: grantedByAll rule.pattern) allowRules;
    allowedAll = users != {} && all (permission: permission != null && permission.intent == "allow") (lib.attrValues users);
    allowed =
      optionals allowedAll (claudeRules.allowEveryUse tool)
      ++ concatMap (rule: (claudeRules.specifiers tool rule).specifiers) allowedByAll;

    # To ask about everything would ask about what is allowed, too; then Claude Code's own default asks.
    exceptions = allowed != [] || concatMap (rule: (claudeRules.specifiers tool rule).directories or []) allowedByAll != [];
    asked = optionals (asking != {}) (
      if tool == "bash" && exceptions
      then claudeRules.unaskedRules (pattern: all (grants pattern) (lib.attrValues asking))
      else if tool == "external_directory" || (tool == "edit" && exceptions)
      then []
      else claudeRules.everyUse tool
    );
  in {
    allow =
      if asked != [] && tool != "bash"
      then []
      else allowed;
    ask = ruled "ask" ++ asked;
    deny = ruled "deny";
    directories = concatMap (rule: (claudeRules.specifiers tool rule).directories or []) allowedByAll ++ optional (tool == "external_directory" && allowedAll) "/";
    warnings = ofEach (name: permission: map (text: "${name}: Claude Code: ${tool}: ${text}") (notes tool permission)) ++ shared tool users;
  };

  # About one agent's rules.
  notes = tool: permission: let
    allowRules = actionRules "allow" permission.rules;
    exceptions = laterLaxer permission.rules;
    why = rule: let
      outcome = claudeRules.specifiers tool rule;
    in
      optional (outcome ? why) "${rule.pattern}:${rule.action} ${outcome.why}";
    exception = rule: "${rule.pattern}:${rule.action} makes no exception from the stricter rule before it: in Claude Code deny goes before ask, and ask before allow";
    lost = rule: "${rule.pattern}:allow is asked about: Claude Code asks about all of ${tool} or nothing";
    asksAboutAll = permission.intent == "ask" && !elem tool ["bash" "edit" "external_directory"];
    isPartlyAllowed = pattern: any (rule: mayOverlap rule.pattern pattern) allowRules && !any (rule: contains rule.pattern pattern) allowRules;
    hidden = filter isPartlyAllowed claudeRules.unaskedPatterns;
  in
    concatMap why (lib.subtractLists exceptions permission.rules)
    ++ map exception exceptions
    ++ optionals asksAboutAll (map lost allowRules)
    ++ optional (tool == "bash" && permission.intent == "ask" && hidden != [])
    "${head hidden}${lib.optionalString (length hidden > 1) " and ${toString (length hidden - 1)} more"}: asked about also where a rule allows a part of it: Claude Code would ask about nothing of it";

  # About what one agent loses because of another.
  shared = tool: users: let
    isGiven = rule: let
      outcome = claudeRules.specifiers tool rule;
    in
      outcome.specifiers != [] || (outcome.directories or []) != [];
    loses = permission:
      permission
      != null
      && ((permission.intent
          == "allow"
          && (claudeRules.allowEveryUse tool != [] || tool == "external_directory")
          && !all (other: other != null && other.intent == "allow") (lib.attrValues users))
        || any (rule: isGiven rule && !all (grants rule.pattern) (lib.attrValues users)) (actionRules "allow" permission.rules));
    losing = filterAttrs (_: loses) users;
  in
    optional (losing != {} && length (attrNames users) > 1)
    "${names losing}: Claude Code: ${tool}: some of what is allowed is asked about: settings.json holds for every agent, and not all (${names users}) may do it";

  toolsWithRules = unique (attrNames claudeRules.toolNames ++ ["external_directory"]);
in {
  /*
  permissionLists :: { ${agent} :: { ${tool} :: { intent, rules } | null } } -> { allow, ask, deny, additionalDirectories, warnings }

  A tool that an agent's own file takes away is not in its set: it neither gives nor takes anything here.

  permissionLists { ada.bash = { intent = "allow"; rules = [ { pattern = "rm *"; action = "ask"; } ]; }; }
  => { allow = [ "Bash" ]; ask = [ "Bash(rm **)" ]; deny = [ ]; additionalDirectories = [ ]; warnings = [ ]; }
  */
  permissionLists = agents: let
    lists = map (tool:
      forTool tool (lib.mapAttrs (_: tools: tools.${tool}) (filterAttrs (_: tools: tools ? ${tool}) agents)))
    toolsWithRules;
    together = name: concatMap (list: list.${name}) lists;
    collect = name: unique (together name);
  in {
    allow = collect "allow";
    ask = collect "ask";
    deny = collect "deny";
    additionalDirectories = collect "directories";
    warnings = together "warnings";
  };
}
