# What any NixOS must have before it evaluates, and nothing of interest.
{lib, ...}: {
  boot.loader.grub.enable = lib.mkDefault false;
  fileSystems."/" = lib.mkDefault {
    device = "/dev/disk/by-label/root";
    fsType = "ext4";
  };
  # Caches of fonts and file types are compiled programs' work.
  fonts.fontconfig.enable = lib.mkDefault false;
  home-manager = {
    useGlobalPkgs = lib.mkDefault true;
    sharedModules = [
      {
        fonts.fontconfig.enable = lib.mkDefault false;
        home.stateVersion = lib.mkDefault "26.05";
        manual.manpages.enable = lib.mkDefault false;
        xdg.mime.enable = lib.mkDefault false;
      }
    ];
  };
  documentation.enable = lib.mkDefault false;
  networking.hostName = lib.mkDefault "signi";
  system.stateVersion = lib.mkDefault "26.05";
}
