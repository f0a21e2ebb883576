# NixOS in virtual machines, one story each: {pkgs, modules} -> {vm-workstation = derivation; …}.
# modules: ours and home-manager's. Play one, without a tty: nix build .#checks.x86_64-linux.vm-device -L
{
  modules,
  pkgs,
}: let
  inherit (pkgs) lib;
  story = file:
    pkgs.testers.runNixOSTest {
      imports = [file];
      defaults.imports = modules ++ [./machine.nix];
    };
in
  lib.mapAttrs' (name: file: lib.nameValuePair "vm-${name}" (story file)) {
    device = ./device.nix;
    ephemeral-home = ./ephemeral-home.nix;
    prosody-routing = ./prosody-routing.nix;
    sudo-approval = ./sudo-approval.nix;
    workstation = ./workstation.nix;
  }
