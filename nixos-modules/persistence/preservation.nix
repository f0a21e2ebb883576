# The backend preservation: bind mounts from the persistent root.
{
  config,
  lib,
  options,
  ...
}: let
  cfg = config.nuketown;
in {
  # Without preservation there is no such option to set; the assertions ask for it.
  config = lib.optionalAttrs (options ? preservation) {
    preservation = lib.mkIf (cfg.enable && cfg.persistence.backend == "preservation") {
      enable = true;
      preserveAt.${cfg.persistence.root} = {
        directories = cfg.persistence.homes;
        users = builtins.mapAttrs (_: directories: {inherit directories;}) cfg.persistence.directories;
      };
    };
  };
}
