{lib, ...}: {
  imports = [
    ./agents.nix
    ./hardware-configuration.nix
  ];

  networking = {
    hostName = "attic";
    domain = "example.org";
  };

  # Claude Code is unfree: name what you allow.
  nixpkgs.config.allowUnfreePredicate = package: lib.getName package == "claude-code";

  home-manager.useGlobalPkgs = true;

  system.stateVersion = "26.05";
}
