# The paths of nuketown.agents.<name>.persist.
{lib}: let
  parts = path: lib.filter (part: part != "" && part != ".") (lib.splitString "/" path);
  isBelowHome = path:
    !lib.hasPrefix "/" path && !lib.hasPrefix "~" path && parts path != [] && !builtins.elem ".." (parts path);
in {
  /*
  isBelowHome :: string -> bool

  Whether a path names something below a home, and not the home itself.

  isBelowHome "projects/../../bob"
  => false
  */
  inherit isBelowHome;

  /*
  normalise :: [string] -> [string]

  The paths that can be mounted, each once and without what lies below another: its mount has it.

  normalise [ "./projects/" "projects" ".claude" ".claude/projects" ]
  => [ "projects" ".claude" ]
  */
  normalise = paths: let
    plain = lib.unique (map (path: lib.concatStringsSep "/" (parts path)) (lib.filter isBelowHome paths));
  in
    lib.filter (path: !builtins.any (other: lib.hasPrefix "${other}/" path) plain) plain;

  /*
  modeOf :: string -> string

  The mode of a persistent directory: what holds keys, logins or conversations is the agent's alone.

  modeOf ".ssh"
  => "0700"
  */
  modeOf = path:
    if builtins.elem (builtins.head (lib.splitString "/" path)) [".ssh" ".gnupg" ".claude" ".config" ".local"]
    then "0700"
    else "0755";
}
