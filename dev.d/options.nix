# What docs/options.md is written from: nixpkgs' own data for option references, as JSON.
# {nixos, home :: {name -> {description, type, default, example, declarations, …}}}
let
  pkgs = import <nixpkgs> {};
  inherit (pkgs) lib;

  root = toString ../.;
  reference = path: options:
    (pkgs.nixosOptionsDoc {
      options = lib.getAttrs path options;
      transformOptions = option:
        option
        // {
          declarations = map (file: lib.removePrefix "${root}/" (toString file)) option.declarations;
        };
    })
    .optionsNix;

  nixos = import <nixpkgs/nixos/lib/eval-config.nix> {
    system = null;
    modules = [
      ../nixos-modules
      {
        _module.check = false; # a NixOS to look at, not to build
        nixpkgs.hostPlatform = "x86_64-linux";
      }
    ];
  };

  home = lib.evalModules {
    modules = [
      ../nixos-modules/home/agents
      ../nixos-modules/home/approval-broker.nix
      ../nixos-modules/home/opencode.nix
      {
        # What home-manager declares is set there, and not read for this.
        _module = {
          args = {inherit pkgs;};
          check = false;
        };
      }
    ];
  };
in {
  home = reference ["coding" "nuketown"] home.options;
  nixos = reference ["nuketown"] nixos.options;
}
