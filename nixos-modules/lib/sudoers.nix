# Whom the lines of sudoers(5) and doas.conf(5) are for.
{lib}: let
  split = expression: text:
    lib.filter (part: builtins.isString part && part != "") (builtins.split expression text);
  words = split "[[:space:],]+";

  # Continued lines are one; commas bind their neighbours; what follows # is a comment, unless it is
  # a uid.
  lines = text: let
    joined = builtins.replaceStrings ["\\\n"] [" "] text;
    bound = line: lib.concatStringsSep "," (split "[[:space:]]*,[[:space:]]*" line);
    bare = line: let
      kept = builtins.match "(([^#]|#[0-9])*).*" line;
    in
      lib.trim (builtins.head kept);
  in
    lib.filter (line: line != "") (map (line: bound (bare line)) (lib.splitString "\n" joined));

  # What stands for an account in sudoers.
  sudoersNames = {
    name,
    uid,
    groups,
    gids,
  }:
    ["ALL" name "#${toString uid}"]
    ++ map (group: "%${group}") groups
    ++ map (gid: "%#${toString gid}") gids;

  isFor = names: line: let
    isAlias = builtins.match "(User|Host|Runas|Cmnd|Cmd)_Alias.*" line != null;
    isUserAlias = lib.hasPrefix "User_Alias" line;
    # Names may be quoted.
    who = builtins.replaceStrings ["\""] [""] (builtins.head (builtins.split "[[:space:]=]" line));
  in
    !lib.hasPrefix "Defaults" line
    && !lib.hasPrefix "@" line
    && (
      if isAlias
      then isUserAlias && builtins.any (word: builtins.elem word names) (words line)
      else builtins.any (word: builtins.elem word names) (words who)
    );
in {
  /*
  otherRules :: attrs -> string -> [string]

  The lines of a sudoers file that give an account something, but for the one that may be there.

  otherRules { name = "ada"; uid = 1100; groups = [ "ada" "wheel" ]; gids = [ 1100 1 ]; command = "/nix/store/…/nuketown-sudo"; } "%wheel ALL=(ALL) ALL"
  => [ "%wheel ALL=(ALL) ALL" ]
  */
  otherRules = account: text: let
    names = sudoersNames (removeAttrs account ["command"]);
    squeeze = line: lib.concatStringsSep " " (split "[[:space:]]+" line);
    ours = squeeze "${account.name} ALL=(root) NOPASSWD: ${account.command}";
  in
    lib.filter (line: line != ours) (map squeeze (lib.filter (isFor names) (lines text)));

  /*
  doasRules :: attrs -> string -> [string]

  The lines of a doas.conf that permit an account something.

  doasRules { name = "ada"; groups = [ "ada" ]; … } "permit nopass ada"
  => [ "permit nopass ada" ]
  */
  doasRules = {
    name,
    uid,
    groups,
    gids,
    ...
  }: text: let
    names = [name (toString uid)] ++ map (group: ":${group}") groups ++ map (gid: ":${toString gid}") gids;
  in
    lib.filter (
      line: lib.hasPrefix "permit" line && builtins.any (word: builtins.elem word names) (words line)
    ) (lines text);
}
