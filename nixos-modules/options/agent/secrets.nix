# Its keys and other secrets: secrets.*.
{
  lib,
  name,
  ...
}: let
  inherit (lib) mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) secretName;
in {
  options.secrets = {
    sshKey = mkOption {
      type = types.nullOr secretName;
      default = null;
      example = "${name}/ssh-key";
      description = ''
        Private SSH key, {file}`~/.ssh/id_ed25519`: name of a secret, or absolute path of a file.
      '';
    };

    gpgKey = mkOption {
      type = types.nullOr secretName;
      default = null;
      example = "${name}/gpg-key";
      description = ''
        Armored private GPG key, imported when its user manager starts: name of a secret, or absolute path of a
        file.
      '';
    };

    extraSecrets = mkOption {
      type = types.attrsOf secretName;
      default = {};
      example = {npm-token = "${name}/npm-token";};
      description = ''
        Further secrets that it alone may read, by the name of the link below
        {file}`~/.config/nuketown/secrets/`.
      '';
    };
  };
}
