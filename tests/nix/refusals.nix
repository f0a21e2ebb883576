# What our assertions and warnings say to many small configurations, in one evaluation:
#
#   import ./refusals.nix {cases.two-uids = {nuketown.agents = …;};}
#   => {two-uids = {assertions = [sentences of the failed ones]; warnings = […];};}
#
# Not whole systems, which cost three seconds each: our modules, and those of NixOS that they look at.
# What the others would say is not said; options that none of them declares are not missed.
{
  cases,
  homeManager ? true,
}: let
  lib = import <nixpkgs/lib>;
  directory = <nixpkgs/nixos/modules>;
  pkgs = import <nixpkgs> {
    system = "x86_64-linux";
    config.allowUnfreePredicate = import ./unfree.nix;
    overlays = [(import ./missing-files.nix)];
  };

  ours = toString ../../nixos-modules;
  lookedAt = map (name: directory + "/${name}") [
    "config/nix.nix"
    "config/users-groups.nix"
    "misc/assertions.nix"
    "misc/ids.nix"
    "security/doas.nix"
    "security/polkit.nix"
    "security/sudo-rs.nix"
    "security/sudo.nix"
    "services/networking/ejabberd.nix"
    "services/networking/prosody.nix"
    "services/system/nix-daemon.nix"
  ];

  anything = default:
    lib.mkOption {
      type = lib.types.anything;
      inherit default;
    };

  surroundings = {
    options =
      {
        boot.initrd.systemd.enable = anything false;
        environment.etc = anything {};
        fileSystems = anything {};
        networking = {
          domain = anything null;
          hostName = anything "signi";
        };
      }
      // lib.optionalAttrs homeManager {
        home-manager = {
          startAsUserService = anything false;
          users = lib.mkOption {type = lib.types.attrsOf lib.types.deferredModule;};
        };
      };

    config = {
      _module = {
        check = false;
        args.pkgs = lib.mkDefault pkgs;
      };
      system.stateVersion = "26.05";
    };
  };

  told = case: let
    inherit
      (lib.evalModules {
        specialArgs = {
          modulesPath = toString directory;
          utils = import <nixpkgs/nixos/lib/utils.nix> {
            inherit lib pkgs;
            config = {};
          };
        };
        modules = lookedAt ++ [../../nixos-modules surroundings case];
      })
      options
      ;
    sayings = option:
      lib.concatMap (definition: definition.value) (
        builtins.filter (definition: lib.hasPrefix ours definition.file) option.definitionsWithLocations
      );
  in {
    warnings = sayings options.warnings;
    assertions = map (failed: failed.message) (
      builtins.filter (one: !one.assertion) (sayings options.assertions)
    );
  };
in
  builtins.mapAttrs (_: told) cases
