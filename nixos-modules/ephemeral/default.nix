# Homes that begin anew at every boot: the agents' subvolume is put back to its blank snapshot in the
# initrd. A device's agent on the same machine keeps its home: persistence does that, and where there
# is none the home becomes a subvolume of its own.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}: let
  cfg = config.nuketown;
  inherit (cfg) ephemeral;
  inherit (utils) escapeSystemdPath;

  device =
    if lib.hasPrefix "/" (toString cfg.btrfsDevice)
    then cfg.btrfsDevice
    else "/dev/disk/by-uuid/${toString cfg.btrfsDevice}";
  deviceUnit = "${escapeSystemdPath device}.device";

  # Whose homes stay when the others are rolled back; a backend of persistence keeps them by itself.
  # Whether anything is rolled back makes no difference, so that no home moves when that changes.
  keepsItsHome = agent: cfg.persistence.backend == null && agent.deploymentModel == "device";
  persistent = lib.filterAttrs (_: keepsItsHome) cfg.localAgents;

  subvolumes =
    {${cfg.agentsDir} = ephemeral.subvolume;}
    // lib.mapAttrs' (name: agent: {
      name = agent.home;
      value = "${ephemeral.subvolume}-home-${name}";
    })
    persistent;

  mountOf = subvolume: {
    device = lib.mkDefault device;
    fsType = lib.mkDefault "btrfs";
    # Not a default: NixOS adds options of its own, and without this one all subvolumes would be there.
    options = [
      "subvol=${subvolume}"
      "noatime"
    ];
    neededForBoot = true;
  };

  isOurs = option: option == "subvol=${ephemeral.subvolume}" || !lib.hasPrefix "subvol" option;
in {
  config = lib.mkMerge [
    {
      assertions = [
        {
          assertion = ephemeral.enable -> cfg.btrfsDevice != null;
          message = ''
            nuketown.ephemeral.enable: the homes can be rolled back on btrfs only. Set nuketown.btrfsDevice to the
            device, or its UUID, whose subvolume ${ephemeral.subvolume} is to hold them.
          '';
        }
      ];
    }

    (lib.mkIf (cfg.btrfsDevice != null && cfg.localAgents != {}) {
      assertions = [
        {
          assertion = config.boot.initrd.systemd.enable;
          message = ''
            nuketown.btrfsDevice: the homes are prepared by a unit of systemd in the initrd, which without
            boot.initrd.systemd.enable = true would silently not be there. Set that, or leave btrfsDevice out.
          '';
        }
        {
          assertion = lib.all isOurs config.fileSystems.${cfg.agentsDir}.options;
          message = ''
            fileSystems."${cfg.agentsDir}".options: another subvolume is named there than nuketown.ephemeral.subvolume
            (${ephemeral.subvolume}). Leave one of them out, or let both name the same.
          '';
        }
        {
          assertion = lib.allUnique [ephemeral.subvolume ephemeral.blankSnapshot ephemeral.generations];
          message = ''
            nuketown.ephemeral: subvolume, blankSnapshot and generations are three subvolumes. Give them three names.
          '';
        }
      ];

      fileSystems = lib.mapAttrs (_: mountOf) subvolumes;

      boot.initrd = {
        supportedFilesystems.btrfs = true;
        systemd.services.nuketown-homes = {
          description = "Homes of the agents";
          wantedBy = ["initrd.target"];
          requires = [deviceUnit];
          # After a hibernation the homes are in use, and the initrd never gets beyond resuming.
          after = [
            deviceUnit
            "systemd-hibernate-resume.service"
            "local-fs-pre.target"
          ];
          before =
            ["sysroot.mount"]
            ++ map (path: "${escapeSystemdPath "/sysroot${path}"}.mount") (builtins.attrNames subvolumes);
          unitConfig.DefaultDependencies = false;
          serviceConfig.Type = "oneshot";
          environment = {
            NUKETOWN_DEVICE = device;
            NUKETOWN_SUBVOLUME = ephemeral.subvolume;
            NUKETOWN_BLANK = ephemeral.blankSnapshot;
            NUKETOWN_GENERATIONS = ephemeral.generations;
            NUKETOWN_PERSISTENT = toString (builtins.attrNames persistent);
            NUKETOWN_ROLLBACK =
              if ephemeral.enable
              then "yes"
              else "no";
          };
          script = builtins.readFile ./rollback.sh;
        };
      };
    })

    (lib.mkIf (ephemeral.enable && cfg.btrfsDevice != null) {
      systemd.services.nuketown-generations = {
        description = "Removal of the oldest homes of agents";
        wantedBy = ["multi-user.target"];
        path = [
          pkgs.btrfs-progs
          pkgs.findutils
          pkgs.util-linux
        ];
        environment = {
          NUKETOWN_DEVICE = device;
          NUKETOWN_GENERATIONS = ephemeral.generations;
          NUKETOWN_KEEP = toString ephemeral.keepGenerations;
        };
        script = builtins.readFile ./prune.sh;
        serviceConfig = {
          Type = "oneshot";
          # It mounts the whole file system: for itself alone.
          PrivateMounts = true;
          PrivateNetwork = true;
          NoNewPrivileges = true;
          CapabilityBoundingSet = [
            "CAP_SYS_ADMIN"
            "CAP_DAC_OVERRIDE"
            "CAP_DAC_READ_SEARCH"
            "CAP_FOWNER"
          ];
          RestrictAddressFamilies = "none";
          Nice = 19;
          IOSchedulingClass = "idle";
        };
      };
    })
  ];
}
