# portal-<name> and portal as a machine gets them, but for three programs that the test plays.
{modules}: let
  pkgs = import ./stand-in-packages.nix {};
  inherit (import ./nixos.nix {inherit modules pkgs;}) config;
  edge = name: pkgs.writeShellScriptBin name ''exec "$STAGE/bin/${name}" "$@"'';
  programs = pkgs.callPackage ../../nixos-modules/portal/programs.nix {
    fzf = edge "fzf";
    nuketown = edge "nuketown";
    systemd = edge "machinectl";
  };
  portals =
    builtins.mapAttrs (_: agent:
      programs.portal {
        inherit agent;
        inherit (config.nuketown) projectDirs;
      })
    config.nuketown.localAgents;
in
  pkgs.symlinkJoin {
    name = "portals";
    paths = [(programs.chooser portals)] ++ builtins.attrValues portals;
  }
