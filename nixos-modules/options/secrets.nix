# Where secrets come from: nuketown.{sopsFile,secrets.*}.
{lib, ...}: let
  inherit (lib) literalExpression mkOption types;
in {
  options.nuketown = {
    sopsFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = literalExpression "./secrets/agents.yaml";
      description = ''
        The encrypted file that holds the agents' secrets, for the backend `sops`; null: sops-nix's own
        `sops.defaultSopsFile`.
      '';
    };

    secrets = {
      backend = mkOption {
        type = types.nullOr (types.enum ["sops" "agenix" "files"]);
        default = null;
        example = "sops";
        description = ''
          What turns the name of a secret, such as `ada/email-password`, into a file:

          - `sops`: sops-nix, from {option}`nuketown.sopsFile`;
          - `agenix`: {file}`ada/email-password.age` below {option}`nuketown.secrets.ageDirectory`;
          - `files`: {file}`ada/email-password` below {option}`nuketown.secrets.directory`, put there by you;
          - null: none. Only absolute paths are taken where a secret is named.

          With {option}`nuketown.sopsFile` set it is `sops` unless said otherwise.
        '';
      };

      ageDirectory = mkOption {
        type = types.nullOr types.path;
        default = null;
        example = literalExpression "./secrets";
        description = "Directory of the encrypted files, for the backend `agenix`.";
      };

      directory = mkOption {
        type = types.strMatching "(/[A-Za-z0-9._@+-]+)+";
        default = "/var/lib/nuketown-secrets";
        example = "/etc/nuketown/secrets";
        description = "Directory of the plain files, for the backend `files`; on this machine, not in the store.";
      };

      readers = mkOption {
        type = types.listOf (types.attrsOf types.str);
        internal = true;
        readOnly = true;
        description = "Who reads what: option, secret, owner and group.";
      };

      wanted = mkOption {
        type = types.attrsOf (types.submodule {
          options = {
            owner = mkOption {
              type = types.str;
              description = "Account that alone may read it.";
            };
            group = mkOption {
              type = types.str;
              description = "Its group.";
            };
          };
        });
        internal = true;
        visible = false;
        default = {};
        description = "Secrets that something here reads, by name; the backends turn them into files.";
      };

      pathOf = mkOption {
        type = types.functionTo types.str;
        internal = true;
        readOnly = true;
        description = "From a secret's name, or an absolute path, to the file at run time.";
      };
    };
  };
}
