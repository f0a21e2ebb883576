# josh's desktop. ada is the collaborator who works beside him: a portal, sudo by approval, homes that begin
# anew at every boot.
{
  lib,
  pkgs,
  ...
}: {
  imports = [./hardware.nix];

  networking = {
    hostName = "signi";
    domain = "6bit.com";
  };

  users.users.josh = {
    isNormalUser = true;
    uid = 1000;
    description = "Josh";
    extraGroups = ["wheel"];
  };

  # Claude Code is unfree: what is allowed is named, nothing else is.
  nixpkgs.config.allowUnfreePredicate = package: lib.getName package == "claude-code";

  home-manager = {
    useGlobalPkgs = true;
    useUserPackages = true;
    users.josh = {
      home.stateVersion = "26.05";
      programs.git = {
        enable = true;
        settings.user = {
          name = "Josh";
          email = "josh@6bit.com";
        };
      };
    };
  };

  nuketown = {
    humanUser = "josh";
    projectDirs = ["~/dev"];
    btrfsDevice = "/dev/disk/by-label/town";

    roster = import ../town/roster.nix;

    agents.ada = {
      uid = 1100;
      role = "software";
      description = ''
        Software collaborator on signi. Works with josh on embedded
        systems, NixOS configuration, and web projects.
      '';
      packages = with pkgs; [
        dfu-util
        stm32flash
      ];
      portal.enable = true;
      sudo = {
        enable = true;
        preApproved = ["systemctl restart nginx" "journalctl *"];
        deny = ["nixos-rebuild *"];
      };
      daemon = {
        enable = true;
        repos = {
          nuketown.url = "git@github.com:joshperry/nuketown.git";
          mynix.url = "git@github.com:joshperry/mynix.git";
        };
        budget.perDay = 20;
      };
      xmpp = {
        enable = true;
        rooms = ["town@rooms.6bit.com"];
      };
      devices = [
        {
          # STM32 flight controllers, as a serial port
          subsystem = "tty";
          action = "add";
          attrs = {
            idVendor = "0483";
            idProduct = "5740";
          };
        }
        {
          # the same in DFU mode
          subsystem = "usb";
          attrs.product = "STM32  BOOTLOADER";
        }
      ];
      limits = {
        memoryMax = "16G";
        tasksMax = 4096;
      };
      persist = ["projects" ".config/claude"];
    };
  };

  system.stateVersion = "26.05";
}
