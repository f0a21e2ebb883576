# Flake checks without a build: every example and template to its toplevel. Secrets are plain files
# here, and persistence is left out, so that our flake needs no input of its own for them.
{
  lib,
  pkgs,
  nixosSystem,
  modules,
}: let
  whole = name: configuration: let
    machine = nixosSystem {
      modules = modules ++ configuration;
    };
  in
    pkgs.writeText "evaluated-${name}" (
      builtins.unsafeDiscardStringContext machine.config.system.build.toplevel.drvPath
    );
in
  lib.mapAttrs' (name: configuration: lib.nameValuePair "evaluated-${name}" (whole name configuration)) {
    earthrealm = [../../examples/earthrealm/configuration.nix ../../examples/roster/roster.nix];
    gateway = [../../examples/gateway/configuration.nix];
    liver = [../../examples/liver/configuration.nix];
    printer = [../../examples/printer/configuration.nix];
    signi = [../../examples/signi/configuration.nix];
    template-cloud = [../../templates/cloud/configuration.nix];
    template-device = [../../templates/device/configuration.nix];
    template-workstation = [../../templates/workstation/configuration.nix];
  }
