# Stands in for the flake input nixpkgs where <nixpkgs> is cut down: the same tree, with the modules
# and packages that were taken out of its lists. Needs --impure, for NIX_PATH.
{
  outputs = _: let
    lib = import <nixpkgs/lib>;
  in {
    lib =
      lib
      // {
        nixosSystem = arguments:
          import <nixpkgs/nixos/lib/eval-config.nix> (
            {
              inherit lib;
              system = null;
            }
            // arguments
            // {
              modules =
                arguments.modules
                ++ import ../slim-modules.nix
                ++ [{nixpkgs.overlays = [(import ../missing-files.nix)];}];
            }
          );
      };
    legacyPackages = lib.genAttrs ["x86_64-linux"] (system: import ./. {inherit system;});
  };
}
