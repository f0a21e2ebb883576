# Its name on commits: git.*.
{
  config,
  lib,
  name,
  town,
  host,
  ...
}: let
  inherit (lib) mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) line;
  cfg = config.git;
  hasSshKey = config.secrets.sshKey != null;
  hasGpgKey = config.secrets.gpgKey != null || config.github.enable;
in {
  options.git = {
    name = mkOption {
      type = line;
      default = name;
      defaultText = lib.literalMD "the agent's name";
      example = "Ada";
      description = "Author and committer of its commits.";
    };

    email = mkOption {
      type = line;
      default =
        if town.domain == null
        then "${name}@${host}"
        else "${name}@${town.domain}";
      defaultText = lib.literalMD "`<name>@domain`";
      example = "ada@6bit.com";
      description = "Mail address on its commits.";
    };

    signing = mkOption {
      type = types.either types.bool (types.enum ["gpg" "ssh"]);
      default = hasGpgKey || hasSshKey;
      defaultText = lib.literalMD "true where the agent has a key to sign with";
      example = "ssh";
      description = ''
        Sign every commit: with its GPG key, its SSH key, or (true) the GPG key where it has one, else the
        SSH key.
      '';
    };

    signingFormat = mkOption {
      type = types.nullOr (types.enum ["gpg" "ssh"]);
      internal = true;
      readOnly = true;
      default =
        if !builtins.isBool cfg.signing
        then cfg.signing
        else if !cfg.signing
        then null
        else if hasSshKey && !hasGpgKey
        then "ssh"
        else "gpg";
      description = "What it signs with.";
    };
  };
}
