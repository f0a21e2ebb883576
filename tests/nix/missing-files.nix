# An overlay for a nixpkgs that lacks the generated list of Haskell packages: nothing can name
# ShellCheck there, and writeShellApplication does. It evaluates then; it is not for building.
final: _: let
  shellcheck = final.stdenvNoCC.mkDerivation {
    pname = "shellcheck";
    version = "0";
    dontUnpack = true;
    meta.mainProgram = "shellcheck";
    passthru.compiler.bootstrapAvailable = true;
  };
in
  if builtins.pathExists (<nixpkgs> + "/pkgs/development/haskell-modules/hackage-packages.nix")
  then {}
  else {
    inherit shellcheck;
    shellcheck-minimal = shellcheck;
  }
