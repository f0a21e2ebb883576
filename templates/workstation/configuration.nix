{lib, ...}: {
  imports = [
    ./agents.nix
    ./hardware-configuration.nix
  ];

  networking = {
    hostName = "desk";
    domain = "example.org";
  };

  users.users.josh = {
    isNormalUser = true;
    extraGroups = ["wheel"];
  };

  # Claude Code is unfree: name what you allow.
  nixpkgs.config.allowUnfreePredicate = package: lib.getName package == "claude-code";

  home-manager = {
    useGlobalPkgs = true;
    users.josh = {
      home.stateVersion = "26.05";
      programs.git = {
        enable = true;
        settings.user = {
          name = "Josh";
          email = "josh@example.org";
        };
      };
    };
  };

  system.stateVersion = "26.05";
}
