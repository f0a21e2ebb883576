{
  description = "My desk, and the agent beside me";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    home-manager = {
      url = "github:nix-community/home-manager";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    nuketown = {
      url = "github:joshperry/nuketown";
      inputs = {
        home-manager.follows = "home-manager";
        nixpkgs.follows = "nixpkgs";
      };
    };
  };

  outputs = {
    nixpkgs,
    home-manager,
    nuketown,
    ...
  }: {
    nixosConfigurations.desk = nixpkgs.lib.nixosSystem {
      modules = [
        home-manager.nixosModules.home-manager
        nuketown.nixosModules.default
        ./configuration.nix
      ];
    };
  };
}
