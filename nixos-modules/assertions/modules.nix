# Modules of others that an option asks for.
{
  config,
  lib,
  options,
  ...
}: let
  cfg = config.nuketown;
  needed = backend: chosen: isThere: option: module: {
    assertion = chosen != backend || isThere;
    message = ''
      ${option}: "${backend}" needs its module. Add ${module} to the imports of this machine, or choose another.
    '';
  };
in {
  config = lib.mkIf cfg.enable {
    assertions = [
      (needed "sops" cfg.secrets.backend (options ? sops) "nuketown.secrets.backend" "sops-nix.nixosModules.sops")
      (needed "agenix" cfg.secrets.backend (options ? age) "nuketown.secrets.backend" "agenix.nixosModules.default")
      (needed "impermanence" cfg.persistence.backend (options.environment ? persistence) "nuketown.persistence.backend" "impermanence.nixosModules.impermanence")
      (needed "preservation" cfg.persistence.backend (options ? preservation) "nuketown.persistence.backend" "preservation.nixosModules.default")
    ];
  };
}
