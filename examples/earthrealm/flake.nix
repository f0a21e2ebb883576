{
  description = "earthrealm: a machine whose agents are an input";

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
    agent-roster.url = "github:joshperry/nuketown?dir=examples/roster";
  };

  outputs = {
    nixpkgs,
    home-manager,
    nuketown,
    agent-roster,
    ...
  }: {
    nixosConfigurations.earthrealm = nixpkgs.lib.nixosSystem {
      modules = [
        nuketown.nixosModules.default
        home-manager.nixosModules.home-manager
        agent-roster.nixosModules.default
        ./configuration.nix
      ];
    };
  };
}
