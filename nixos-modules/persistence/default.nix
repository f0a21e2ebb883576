# What survives where homes do not: the directories of persist, and what the agents' own parts need.
{
  config,
  lib,
  options,
  ...
}: let
  inherit (import ../lib/persist.nix {inherit lib;}) modeOf normalise;
  cfg = config.nuketown;

  # Some machines forget everything at boot, and homes with it: the mount that holds them is memory.
  # Only the warning may look at it, because the backends add mounts.
  mounts = lib.filter (point: point == "/" || cfg.agentsDir == point || lib.hasPrefix "${point}/" cfg.agentsDir) (
    builtins.attrNames config.fileSystems
  );
  holding = lib.foldl' (found: point:
    if builtins.stringLength point > builtins.stringLength found
    then point
    else found) "" mounts;
  inMemory = holding != "" && config.fileSystems.${holding}.fsType == "tmpfs";

  # The queue is to be after a reboot as it was, and what ran is to go on: the daemon's journal, and
  # the harness's transcripts. Its login is in the same place; with an API key it has none.
  ownState = agent:
    lib.optional agent.daemon.enable ".local/state/nuketown"
    ++ lib.optional agent.claudeCode.enable (
      if agent.daemon.apiKeySecret == null
      then ".claude"
      else ".claude/projects"
    );

  directoriesOf = agent:
    map (directory: {
      inherit directory;
      user = agent.name;
      group = agent.name;
      mode = modeOf directory;
    }) (normalise (agent.persist ++ ownState agent));
in {
  imports = [
    ./impermanence.nix
    ./preservation.nix
  ];

  options.nuketown.persistence = {
    homes = lib.mkOption {
      type = lib.types.listOf (lib.types.attrsOf lib.types.str);
      internal = true;
      readOnly = true;
      # An agent that is the machine keeps all it has.
      default = map (agent: {
        directory = agent.home;
        user = agent.name;
        group = agent.name;
        mode = "0700";
      }) (lib.filter (agent: agent.deploymentModel == "device") (builtins.attrValues cfg.localAgents));
      description = "Homes that are kept whole.";
    };

    directories = lib.mkOption {
      type = lib.types.attrsOf (lib.types.listOf (lib.types.attrsOf lib.types.str));
      internal = true;
      readOnly = true;
      default = builtins.mapAttrs (_: directoriesOf) (
        lib.filterAttrs (_: agent: agent.deploymentModel == "workstation") cfg.localAgents
      );
      description = "What is kept of the other homes, below each, by agent.";
    };
  };

  config = {
    nuketown.persistence.backend = lib.mkIf cfg.ephemeral.enable (
      if options.environment ? persistence
      then lib.mkDefault "impermanence"
      else if options ? preservation
      then lib.mkDefault "preservation"
      else lib.mkIf false null
    );

    warnings = lib.optional (cfg.localAgents != {} && cfg.persistence.backend == null && (cfg.ephemeral.enable || inMemory)) ''
      nuketown.persistence.backend: the agents' homes are gone after every boot, and with null nothing of them
      is kept, not even their queues. Import impermanence or preservation and set it to that.
    '';
  };
}
