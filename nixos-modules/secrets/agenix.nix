# The backend agenix: one encrypted file for each secret, decrypted for its one reader.
{
  config,
  lib,
  options,
  ...
}: let
  inherit (import ../lib/secrets.nix {inherit lib;}) ageName;
  cfg = config.nuketown;
in {
  # Without agenix there is no such option to set; the assertions ask for it.
  config = lib.optionalAttrs (options ? age) {
    age.secrets = lib.mkIf (cfg.secrets.backend == "agenix" && cfg.secrets.ageDirectory != null) (
      lib.mapAttrs' (secret: wanted:
        lib.nameValuePair (ageName secret) {
          file = cfg.secrets.ageDirectory + "/${secret}.age";
          inherit (wanted) owner group;
          mode = "0400";
        })
      cfg.secrets.wanted
    );
  };
}
