# A disk as the installer would leave it, with the agents' homes on a subvolume of their own.
{
  boot = {
    initrd.systemd.enable = true;
    loader.systemd-boot.enable = true;
  };

  fileSystems = {
    "/" = {
      device = "/dev/disk/by-label/nixos";
      fsType = "ext4";
    };
    "/boot" = {
      device = "/dev/disk/by-label/BOOT";
      fsType = "vfat";
    };
    "/agents" = {
      device = "/dev/disk/by-label/town";
      fsType = "btrfs";
      options = ["subvol=@agents" "noatime"];
      neededForBoot = true;
    };
  };

  nixpkgs.hostPlatform = "x86_64-linux";
}
