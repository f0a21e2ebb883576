# ada's home begins anew at every boot, what is kept stays, and the last homes can be looked at.
{
  name = "nuketown-ephemeral-home";

  nodes.desk = {pkgs, ...}: {
    virtualisation = {
      emptyDiskImages = [1024];
      # A virtual machine takes its file systems from here alone.
      fileSystems."/agents" = {
        device = "/dev/vdb";
        fsType = "btrfs";
        options = ["subvol=@agents" "noatime"];
        neededForBoot = true;
      };
    };

    # The disk as a person would have made it: an empty btrfs.
    boot.initrd = {
      systemd = {
        enable = true;
        initrdBin = [pkgs.btrfs-progs pkgs.util-linux];
        services.town-disk = {
          wantedBy = ["initrd.target"];
          before = ["nuketown-homes.service"];
          requiredBy = ["nuketown-homes.service"];
          after = ["dev-vdb.device"];
          requires = ["dev-vdb.device"];
          unitConfig.DefaultDependencies = false;
          serviceConfig.Type = "oneshot";
          script = "blkid /dev/vdb || mkfs.btrfs --quiet --label town /dev/vdb";
        };
      };
      supportedFilesystems.btrfs = true;
    };

    users.users.josh = {
      isNormalUser = true;
      uid = 1000;
    };

    home-manager.users.josh.home.stateVersion = "26.05";

    nuketown = {
      humanUser = "josh";
      btrfsDevice = "/dev/vdb";
      ephemeral.keepGenerations = 2;
      agents.ada = {
        uid = 1100;
        role = "software";
        portal.enable = true;
      };
    };

    system.stateVersion = "26.05";
  };

  testScript = builtins.readFile ./common.py + builtins.readFile ./ephemeral-home.py;
}
