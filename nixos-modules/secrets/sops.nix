# The backend sops: sops-nix decrypts each secret for its one reader.
{
  config,
  lib,
  options,
  ...
}: let
  cfg = config.nuketown;
  ofSystemBroker = wanted: wanted.owner == cfg.broker.user && cfg.broker.role == "device";
in {
  # Without sops-nix there is no such option to set; the assertions ask for it.
  config = lib.optionalAttrs (options ? sops) {
    sops.secrets = lib.mkIf (cfg.secrets.backend == "sops") (
      builtins.mapAttrs (_: wanted:
        {
          inherit (wanted) owner group;
          mode = "0400";
        }
        // lib.optionalAttrs (cfg.sopsFile != null) {
          sopsFile = lib.mkDefault cfg.sopsFile;
        }
        # sops-nix restarts units of the system only: daemons read a new password when they connect.
        // lib.optionalAttrs (ofSystemBroker wanted) {
          restartUnits = ["nuketown-broker.service"];
        })
      cfg.secrets.wanted
    );
  };
}
