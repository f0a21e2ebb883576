# The backend impermanence: bind mounts from the persistent root.
{
  config,
  lib,
  options,
  ...
}: let
  cfg = config.nuketown;
in {
  # Without impermanence there is no such option to set; the assertions ask for it.
  config = lib.optionalAttrs (options.environment ? persistence) {
    environment.persistence = lib.mkIf (cfg.enable && cfg.persistence.backend == "impermanence") {
      ${cfg.persistence.root} = {
        directories = cfg.persistence.homes;
        users = builtins.mapAttrs (_: directories: {inherit directories;}) cfg.persistence.directories;
      };
    };
  };
}
