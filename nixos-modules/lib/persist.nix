# The paths of nuketown.agents.<name>.persist.
{lib}: let
  parts = path: lib.filter (part: part != "" && part != ".") (lib.splitString "/" path);
  isBelowHome = path:
    !lib.hasPrefix "/" path && !lib.hasPrefix "~" path && parts path != [] && !builtins.elem ".." (parts path);

  normalise = paths: let
    plain = lib.unique (map (path: lib.concatStringsSep "/" (parts path)) (lib.filter isBelowHome paths));
  in
    lib.filter (path: !builtins.any (other: lib.hasPrefix "${other}/" path) plain) plain;

  # What holds keys, logins or conversations is the agent's alone.
  modeOf = path:
    if builtins.elem (builtins.head (lib.splitString "/" path)) [".ssh" ".gnupg" ".claude" ".config" ".local"]
    then "0700"
    else "0755";

  # The queue is to be after a reboot as it was, and what ran is to go on: the daemon's journal, and
  # the harness's transcripts. Its login is in the same place; with an API key it has none.
  ownState = agent:
    lib.optional agent.daemon.enable ".local/state/nuketown"
    ++ lib.optional agent.claudeCode.enable (
      if agent.daemon.apiKeySecret == null
      then ".claude"
      else ".claude/projects"
    );
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
  inherit normalise;

  /*
  keptDirectories :: attrs -> [{ directory, user, group, mode }]

  What of an agent's home is kept where homes do not last: what it names, its daemon's journal, and
  the transcripts that sessions are resumed from.

  keptDirectories { name = "ada"; persist = [ "./projects/" "projects/x" ]; … }
  => [ { directory = "projects"; user = "ada"; group = "ada"; mode = "0755"; } … ]
  */
  keptDirectories = agent:
    map (directory: {
      inherit directory;
      user = agent.name;
      group = agent.name;
      mode = modeOf directory;
    }) (normalise (agent.persist ++ ownState agent));

  /*
  keptHome :: attrs -> { directory, user, group, mode }

  A home that is kept whole: that of an agent which is the machine.

  keptHome { name = "printer"; home = "/agents/printer"; … }
  => { directory = "/agents/printer"; user = "printer"; group = "printer"; mode = "0700"; }
  */
  keptHome = agent: {
    directory = agent.home;
    user = agent.name;
    group = agent.name;
    mode = "0700";
  };
}
