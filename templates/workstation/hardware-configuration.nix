# Put the one of your machine here: nixos-generate-config --show-hardware-config
{
  boot.loader.systemd-boot.enable = true;

  fileSystems = {
    "/" = {
      device = "/dev/disk/by-label/nixos";
      fsType = "ext4";
    };
    "/boot" = {
      device = "/dev/disk/by-label/BOOT";
      fsType = "vfat";
    };
  };

  nixpkgs.hostPlatform = "x86_64-linux";
}
