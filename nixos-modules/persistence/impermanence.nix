# The backend impermanence: bind mounts from the persistent root.
{
  config,
  lib,
  options,
  ...
}: let
  inherit (import ../lib/persist.nix {inherit lib;}) keptDirectories keptHome;
  cfg = config.nuketown;
  homesOf = model: lib.filterAttrs (_: agent: agent.deploymentModel == model) cfg.localAgents;
in {
  # Without impermanence there is no such option to set; the assertions ask for it.
  config = lib.optionalAttrs (options.environment ? persistence) {
    environment.persistence = lib.mkIf (cfg.enable && cfg.persistence.backend == "impermanence") {
      ${cfg.persistence.root} = {
        directories = map keptHome (builtins.attrValues (homesOf "device"));
        users = builtins.mapAttrs (_: agent: {directories = keptDirectories agent;}) (homesOf "workstation");
      };
    };
  };
}
