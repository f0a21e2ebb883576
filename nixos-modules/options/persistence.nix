# What survives where homes do not: nuketown.persistence.*.
{lib, ...}: let
  inherit (lib) mkOption types;
  inherit (import ../lib/types.nix {inherit lib;}) runtimeFile;
in {
  options.nuketown.persistence = {
    backend = mkOption {
      type = types.nullOr (types.enum ["impermanence" "preservation"]);
      default = null;
      example = "impermanence";
      description = ''
        What mounts the directories of {option}`nuketown.agents.<name>.persist` into the agents' homes; its
        module has to be imported. With null nothing is mounted, which is right where homes last. With
        {option}`nuketown.ephemeral.enable` it follows from which of them is imported.
      '';
    };

    root = mkOption {
      type = runtimeFile;
      default = "/persist";
      example = "/nix/persist";
      description = "Where the persistent directories lie.";
    };
  };
}
