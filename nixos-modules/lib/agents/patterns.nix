# Rules as definitions write them: the last that matches wins; `*` is any text, `?` one character.
{lib}: let
  inherit (lib) any elem elemAt filter foldl' hasPrefix hasSuffix imap0 last take;

  strictness = {
    allow = 0;
    ask = 1;
    deny = 2;
  };

  wildcardFree = pattern: builtins.match "[^*?]*" pattern != null;

  # `?` is one character, which may be several bytes; regular expressions here see bytes.
  toRegex = question: pattern:
    builtins.replaceStrings ["\\\\" "\\*" "\\?"] ["\\\\" ".*" question] (lib.escapeRegex pattern);

  /*
  contains :: string -> string -> bool

  Does every text of the second pattern match the first? False where that can't be told.

  contains "git *" "git status*"
  => true
  */
  contains = wide: narrow: wide == narrow || builtins.match (toRegex "[^*]" wide) narrow != null;

  literalPrefix = pattern: elemAt (builtins.match "([^*?]*).*" pattern) 0;
  literalSuffix = pattern: elemAt (builtins.match "(.*[*?])?([^*?]*)" pattern) 1;

  either = relation: a: b: relation a b || relation b a;

  /*
  mayOverlap :: string -> string -> bool

  Is there perhaps a text that matches both? False only where there is none.

  mayOverlap "*.env" "*.env.example"
  => false
  */
  mayOverlap = a: b: let
    single = p: q: builtins.match (toRegex ".{1,4}" q) p != null;
  in
    if wildcardFree a
    then single a b
    else if wildcardFree b
    then single b a
    else
      either hasPrefix (literalPrefix a) (literalPrefix b)
      && either hasSuffix (literalSuffix a) (literalSuffix b);

  isEverything = pattern: builtins.match "[*]+" pattern != null;

  /*
  parseRule :: string -> { pattern, action }

  The last colon splits.

  parseRule "npm run test:*:allow"
  => { pattern = "npm run test:*"; action = "allow"; }
  */
  parseRule = rule: let
    parts = builtins.match "(.*):([a-z]+)" rule;
  in {
    pattern = elemAt parts 0;
    action = elemAt parts 1;
  };

  # A rule for everything is what holds where no later one matches: the intent.
  foldEverything = {
    intent,
    rules,
  }:
    foldl' (permission: rule:
      if isEverything rule.pattern
      then {
        intent = rule.action;
        rules = [];
      }
      else permission // {rules = permission.rules ++ [rule];}) {
      inherit intent;
      rules = [];
    }
    rules;

  # A later rule for at least the same texts decides in its place.
  dropShadowed = rules:
    map (numbered: numbered.rule) (filter (numbered:
      !any (other: other.index > numbered.index && contains other.rule.pattern numbered.rule.pattern) (number rules))
    (number rules));

  number = imap0 (index: rule: {inherit index rule;});

  # What the intent says anyway, with nothing before it to be overridden.
  dropRedundant = intent:
    foldl' (kept: rule:
      if rule.action == intent && !any (earlier: earlier.action != intent && mayOverlap earlier.pattern rule.pattern) kept
      then kept
      else kept ++ [rule]) [];
in {
  inherit contains isEverything mayOverlap parseRule strictness wildcardFree;

  /*
  strictest :: [action] -> action

  strictest [ "allow" "ask" ]
  => "ask"
  */
  strictest = foldl' (a: b:
    if strictness.${b} > strictness.${a}
    then b
    else a) "allow";

  /*
  normal :: { intent, rules ? [string] } -> { intent, rules = [{ pattern, action }] }

  The same meaning with as few rules as that takes, so that tools with other orders can express more of it.

  normal { intent = "ask"; rules = [ "git *:ask" "git status*:allow" ]; }
  => { intent = "ask"; rules = [ { pattern = "git status*"; action = "allow"; } ]; }
  */
  normal = permission: let
    folded = foldEverything {
      inherit (permission) intent;
      rules = map parseRule (permission.rules or []);
    };
  in
    folded // {rules = dropRedundant folded.intent (dropShadowed folded.rules);};

  /*
  laterLaxer :: [{ pattern, action }] -> [{ pattern, action }]

  The rules that make an exception from a stricter one before them: what tools without an order can't express.
  */
  laterLaxer = rules:
    filter (rule: rule != null) (imap0 (index: rule:
      if any (earlier: strictness.${earlier.action} > strictness.${rule.action} && mayOverlap earlier.pattern rule.pattern) (take index rules)
      then rule
      else null)
    rules);

  /*
  onePerPattern :: [{ pattern, action }] -> [{ pattern, action }]

  Of several rules with the same pattern only the last, where the last one stands.
  */
  onePerPattern = rules:
    map (numbered: numbered.rule) (filter (numbered:
      numbered.index == last (map (other: other.index) (filter (other: other.rule.pattern == numbered.rule.pattern) (number rules))))
    (number rules));

  # What parts of a shell line belong to different commands.
  hasOperator = pattern: builtins.match ".*[;|&].*" pattern != null;

  isHomeOrAbsolute = pattern: any (prefix: hasPrefix prefix pattern) ["/" "~/" "$HOME/"] || elem pattern ["~" "$HOME"];
}
