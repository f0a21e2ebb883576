{
  description = "The trees that Nuketown's tests with a real Nix look for in NIX_PATH";

  # Apart from the flake that users take, so that they don't take these as well. As plain sources:
  # the tests import their modules, and what they need themselves is nixpkgs'.
  inputs = {
    nixpkgs = {
      url = "github:NixOS/nixpkgs/nixpkgs-unstable";
      flake = false;
    };
    home-manager = {
      url = "github:nix-community/home-manager";
      flake = false;
    };
    agenix = {
      url = "github:ryantm/agenix";
      flake = false;
    };
    impermanence = {
      url = "github:nix-community/impermanence";
      flake = false;
    };
    preservation = {
      url = "github:nix-community/preservation";
      flake = false;
    };
    sops-nix = {
      url = "github:Mic92/sops-nix";
      flake = false;
    };
  };

  outputs = inputs: {
    # export NIX_PATH=$(nix eval --raw path:tests/nix/trees#nixPath)
    nixPath = builtins.concatStringsSep ":" (
      map (name: "${name}=${inputs.${name}}") (builtins.attrNames (removeAttrs inputs ["self"]))
    );
  };
}
