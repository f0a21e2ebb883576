# The backend files: you put them there; this makes the directories, and each file its reader's alone.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/secrets.nix {inherit lib;}) isPlainName;
  cfg = config.nuketown;
  inherit (cfg.secrets) directory;
  secrets = lib.filterAttrs (name: _: isPlainName name) cfg.secrets.wanted;

  # Every directory between the secret and the first of them, for `d` to make.
  above = secret: let
    parent = dirOf secret;
  in
    if parent == "."
    then []
    else above parent ++ [parent];

  # Nobody lists them, everybody comes through to what is their own.
  passage.d = {
    mode = "0711";
    user = "root";
    group = "root";
  };
in {
  config.systemd.tmpfiles.settings = lib.mkIf (cfg.enable && cfg.secrets.backend == "files") {
    nuketown-secrets =
      {${directory} = passage;}
      // lib.genAttrs (map (name: "${directory}/${name}") (lib.concatMap above (builtins.attrNames secrets))) (_: passage)
      // lib.mapAttrs' (secret: wanted:
        lib.nameValuePair "${directory}/${secret}" {
          z = {
            mode = "0400";
            user = wanted.owner;
            inherit (wanted) group;
          };
        })
      secrets;
  };
}
