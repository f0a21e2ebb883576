# Secrets come from somewhere, belong to one account, and are never in the Nix store.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/secrets.nix {inherit lib;}) isPath isPlainName;
  cfg = config.nuketown;
  inherit (cfg.secrets) readers;
  named = lib.filter (reader: !isPath reader.secret) readers;
  owners = group: lib.unique (map (reader: reader.owner) group);
  shared = lib.filterAttrs (_: group: builtins.length (owners group) > 1) (
    lib.groupBy (reader: reader.secret) readers
  );
  file = secret: cfg.secrets.ageDirectory + "/${secret}.age";
in {
  config = lib.mkIf cfg.enable {
    assertions =
      map (reader: {
        assertion = !isPath reader.secret || !lib.hasPrefix "${builtins.storeDir}/" reader.secret;
        message = ''
          ${reader.option}: ${reader.secret} is in the Nix store, which everybody can read. Name a secret
          (nuketown.secrets.backend), or a file that is on this machine alone.
        '';
      })
      readers
      ++ map (reader: {
        assertion = cfg.secrets.backend != null;
        message = ''
          ${reader.option} names the secret ${reader.secret}, and nothing says where it comes from. Set
          nuketown.sopsFile or nuketown.secrets.backend, or give the absolute path of a file.
        '';
      })
      named
      ++ map (reader: {
        assertion = isPlainName reader.secret;
        message = ''
          ${reader.option}: "${reader.secret}" would leave the directory of the secrets. Take a name such as
          "${reader.owner}/anthropic-api-key", without "." and ".." between slashes.
        '';
      })
      named
      ++ lib.mapAttrsToList (secret: group: {
        assertion = false;
        message = ''
          ${lib.concatMapStringsSep " and " (reader: reader.option) group} name one secret, ${secret}, and a secret is
          read by one account alone (here ${lib.concatStringsSep " and " (owners group)}). Give each its own, with
          the same content if need be.
        '';
      })
      shared
      ++ lib.optionals (cfg.secrets.backend == "agenix" && named != []) (
        [
          {
            assertion = cfg.secrets.ageDirectory != null;
            message = ''
              nuketown.secrets.ageDirectory: the backend agenix needs the directory of the encrypted files. Set it.
            '';
          }
        ]
        ++ lib.optionals (cfg.secrets.ageDirectory != null) (
          map (reader: {
            assertion = !isPlainName reader.secret || builtins.pathExists (file reader.secret);
            message = ''
              ${reader.option}: ${toString (file reader.secret)} is missing. Make it with agenix -e (and git add it, if
              this is a flake).
            '';
          })
          named
        )
      );
  };
}
