# What survives where homes do not: which backend, and a word where there is none.
{
  config,
  lib,
  options,
  ...
}: let
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
in {
  imports = [
    ./impermanence.nix
    ./preservation.nix
  ];

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
