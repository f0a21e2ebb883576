# What the devices of this town have in common: nobody sits at them, so the human is an address.
{lib, ...}: {
  networking.domain = "6bit.com";

  nixpkgs.config.allowUnfreePredicate = package: lib.getName package == "claude-code";

  home-manager = {
    useGlobalPkgs = true;
    useUserPackages = true;
  };

  nuketown = {
    humanJid = "josh@6bit.com";
    humanName = "Josh";
    humanEmail = "josh@6bit.com";
    roster = import ./roster.nix;
  };

  system.stateVersion = "26.05";
}
