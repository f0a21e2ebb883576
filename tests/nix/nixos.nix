# A whole NixOS with our modules and home-manager, from the real trees in NIX_PATH:
#
#   (import ./nixos.nix {modules = [{nuketown.agents.ada = {};}];}).config.users.users.ada.uid
#
# extras: those of sops-nix, agenix, impermanence, preservation and disko that the machine has.
# pkgs: packages instead of <nixpkgs>, for tests that build (stand-in-packages.nix).
{
  modules ? [],
  extras ? [],
  pkgs ? null,
}: let
  extra = {
    agenix = <agenix/modules/age.nix>;
    disko = <disko/module.nix>;
    impermanence = <impermanence/nixos.nix>;
    preservation = <preservation/module.nix>;
    sops-nix = <sops-nix/modules/sops>;
  };
  packages = {lib, ...}: {
    nixpkgs =
      if pkgs == null
      then {
        hostPlatform = lib.mkDefault "x86_64-linux";
        config.allowUnfreePredicate = lib.mkDefault (import ./unfree.nix);
        overlays = [(import ./missing-files.nix)];
      }
      else {inherit pkgs;};
  };
in
  import <nixpkgs/nixos/lib/eval-config.nix> {
    system = null;
    modules =
      [
        <home-manager/nixos>
        ../../nixos-modules
        ./machine.nix
        packages
      ]
      ++ import ./slim-modules.nix
      ++ map (name: extra.${name}) extras
      ++ modules;
  }
