{
  description = "Nuketown: AI agents as real Unix users, reachable over XMPP, asking a human first";

  # As few as can be: a machine that takes this flake takes them too. The modules need nixpkgs and
  # home-manager, and use sops-nix, agenix, impermanence and preservation where the machine has them;
  # our checks do without those.
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";
    home-manager = {
      url = "github:nix-community/home-manager";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs = {
    self,
    nixpkgs,
    home-manager,
  }: let
    inherit (nixpkgs) lib;
    forEachSystem = lib.genAttrs ["x86_64-linux" "aarch64-linux"];
    pkgsFor = forEachSystem (
      system:
        import nixpkgs {
          inherit system;
          # What runs an agent's sessions: in the demo, the development shell and the VM tests.
          config.allowUnfreePredicate = package: lib.getName package == "claude-code";
          overlays = [self.overlays.default];
        }
    );
    modules = [self.nixosModules.default home-manager.nixosModules.home-manager];
    perSystem = function: forEachSystem (system: function pkgsFor.${system});
  in {
    nixosModules = {
      default = self.nixosModules.nuketown;
      nuketown = ./nixos-modules;
    };

    homeModules = {
      default.imports = [
        self.homeModules.agents
        self.homeModules.approval-broker
        self.homeModules.opencode
      ];
      # Definitions of agents for the tools that a person works with.
      agents = ./nixos-modules/home/agents;
      # The human's broker, where NixOS does not turn it on.
      approval-broker = ./nixos-modules/home/approval-broker.nix;
      # OpenCode's own configuration, without its agents.
      opencode = ./nixos-modules/home/opencode.nix;
    };
    homeManagerModules = self.homeModules;

    overlays.default = import ./packages/overlay.nix;

    lib = import ./nixos-modules/lib {inherit lib;};

    packages = perSystem (pkgs: {
      inherit (pkgs) nuketown nuketown-sudo-helper prosody-mod-nuketown-approval;
      default = pkgs.nuketown;
    });

    apps = perSystem (pkgs: {
      default = self.apps.${pkgs.stdenv.hostPlatform.system}.demo;
      demo = {
        type = "app";
        program = lib.getExe (pkgs.callPackage ./packages/demo.nix {});
        meta.description = "A throw-away town on this machine, to chat with";
      };
    });

    checks = perSystem (pkgs:
      import ./tests/nixos-vm {inherit modules pkgs;}
      # These machines say themselves what they are: x86_64.
      // lib.optionalAttrs pkgs.stdenv.hostPlatform.isx86_64 (import ./tests/nix/evaluated.nix {
        inherit lib modules pkgs;
        inherit (lib) nixosSystem;
      })
      // {
        inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) nuketown nuketown-sudo-helper;
        format = pkgs.callPackage ./packages/format-check.nix {source = self;};
      });

    devShells = perSystem (pkgs: {
      default = pkgs.callPackage ./packages/shell.nix {inherit home-manager nixpkgs;};
    });

    formatter = perSystem (pkgs: pkgs.callPackage ./packages/formatter.nix {});

    templates = {
      default = self.templates.workstation;
      workstation = {
        path = ./templates/workstation;
        description = "A desk with an agent beside you: portal, popups, phone";
      };
      device = {
        path = ./templates/device;
        description = "A server or printer that is its own agent and asks by chat";
      };
      cloud = {
        path = ./templates/cloud;
        description = "Agents that run as pods, declared like all others";
      };
      roster = {
        path = ./templates/roster;
        description = "A team of agents as a flake of its own, for machines to take as an input";
      };
    };
  };
}
