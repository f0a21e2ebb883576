# Flake checks that build next to nothing: every example and template to its toplevel. Secrets are
# plain files here, and persistence is left out, so that our flake needs no inputs of its own for them.
{
  lib,
  modules,
  nixosSystem,
  pkgs,
}: let
  whole = name: configuration: let
    machine = nixosSystem {
      modules =
        modules
        ++ configuration
        ++ [{nuketown.secrets.backend = lib.mkDefault "files";}];
    };
  in
    pkgs.runCommandLocal "evaluated-${name}" {
      toplevel = builtins.unsafeDiscardStringContext machine.config.system.build.toplevel.drvPath;
    } "echo $toplevel >$out";
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
