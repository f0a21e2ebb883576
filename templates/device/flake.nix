{
  description = "A server that is its own agent";

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
    nixosConfigurations.attic = nixpkgs.lib.nixosSystem {
      modules = [
        home-manager.nixosModules.home-manager
        nuketown.nixosModules.default
        ./configuration.nix
      ];
    };
  };
}
