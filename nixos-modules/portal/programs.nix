# The portal's programs, as packages: what is written in the .sh files here, and the values for it.
{
  lib,
  coreutils,
  fzf,
  jq,
  nuketown,
  systemd,
  tmux,
  writeShellApplication,
}: let
  # "60/40" -> 60: the agent's share, on the right, in percent.
  share = layout: let
    parts = map lib.toInt (lib.splitString "/" layout);
    agents = lib.head parts;
  in
    builtins.toString (agents * 100 / (agents + lib.last parts));

  yesOrNo = value:
    if value
    then "yes"
    else "no";

  # The words of portal.command: what runs where there is no daemon to start it.
  harness = command:
    if command == null
    then ["claude"]
    else if builtins.isList command
    then command
    else lib.filter (word: word != "") (lib.splitString " " command);
in rec {
  # { agent : portal's part of nuketown.agents.<name>, with its name } -> package, run as the agent
  attach = {agent}:
    writeShellApplication {
      name = "portal-attach-${agent.name}";
      runtimeInputs = [
        coreutils
        tmux
      ];
      runtimeEnv = {
        NUKETOWN_AGENT = agent.name;
        NUKETOWN_HARNESS = harness agent.portal.command;
        # Not NUKETOWN_DAEMON: what runs below it would take that for daemon.toml's place.
        NUKETOWN_HAS_DAEMON = yesOrNo agent.daemon.enable;
        NUKETOWN_PROJECTS = agent.daemon.settings.projects_dir or "";
      };
      text = builtins.readFile ./portal-attach.sh;
    };

  # The same -> package, the right pane
  pane = {agent}:
    writeShellApplication {
      name = "portal-pane-${agent.name}";
      runtimeInputs = [
        jq
        nuketown
        systemd
      ];
      runtimeEnv = {
        NUKETOWN_AGENT = agent.name;
        NUKETOWN_PORTAL_ATTACH = lib.getExe (attach {inherit agent;});
      };
      text = builtins.readFile ./portal-pane.sh;
    };

  # { agent, projectDirs : [ "~/dev" ] } -> package with portal-<name>
  portal = {
    agent,
    projectDirs,
  }:
    writeShellApplication {
      name = "portal-${agent.name}";
      runtimeInputs = [
        coreutils
        fzf
        nuketown
        systemd
        tmux
      ];
      runtimeEnv = {
        NUKETOWN_AGENT = agent.name;
        NUKETOWN_AGENT_SHARE = share agent.portal.layout;
        NUKETOWN_HAS_DAEMON = yesOrNo agent.daemon.enable;
        NUKETOWN_PORTAL_ATTACH = lib.getExe (attach {inherit agent;});
        NUKETOWN_PORTAL_PANE = lib.getExe (pane {inherit agent;});
        NUKETOWN_PROJECT_DIRS = projectDirs;
        NUKETOWN_REPOSITORIES = builtins.attrNames agent.daemon.repos;
      };
      # The program expands the tildes of projectDirs itself, for whoever runs it.
      excludeShellChecks = ["SC2088"];
      text = builtins.readFile ./portal-agent.sh;
    };

  # { name = portal-<name>'s package; … } -> package with portal
  chooser = portals:
    writeShellApplication {
      name = "portal";
      runtimeInputs = [fzf] ++ builtins.attrValues portals;
      runtimeEnv.NUKETOWN_AGENTS = builtins.attrNames portals;
      text = builtins.readFile ./portal.sh;
    };
}
