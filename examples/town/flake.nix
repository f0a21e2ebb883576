{
  description = "A town of four machines: a workstation and three devices, each its own agent";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    home-manager = {
      url = "github:nix-community/home-manager";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    nuketown = {
      url = "github:joshperry/nuketown";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    sops-nix = {
      url = "github:Mic92/sops-nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    impermanence.url = "github:nix-community/impermanence";
  };

  outputs = {
    nixpkgs,
    home-manager,
    nuketown,
    sops-nix,
    impermanence,
    ...
  }: let
    machine = configuration: extra:
      nixpkgs.lib.nixosSystem {
        modules =
          [
            nuketown.nixosModules.default
            home-manager.nixosModules.home-manager
            sops-nix.nixosModules.sops
            ./secrets.nix
            configuration
          ]
          ++ extra;
      };
  in {
    # One alone: nix eval .#nixosConfigurations.signi.config.system.build.toplevel.drvPath
    nixosConfigurations = {
      signi = machine ../signi/configuration.nix [
        impermanence.nixosModules.impermanence
        {nuketown.persistence.backend = "impermanence";}
      ];
      liver = machine ../liver/configuration.nix [];
      gateway = machine ../gateway/configuration.nix [];
      printer = machine ../printer/configuration.nix [];
    };
  };
}
