# Hardware that it may use: devices.
{lib, ...}: let
  inherit (lib) mkOption types;
in {
  options.devices = mkOption {
    type = types.listOf (types.submodule {
      options = {
        subsystem = mkOption {
          type = types.strMatching "[A-Za-z0-9_-]+";
          example = "tty";
          description = "Kernel subsystem, as `udevadm info` says.";
        };

        attrs = mkOption {
          type = types.attrsOf types.str;
          default = {};
          example = {
            idVendor = "0483";
            idProduct = "5740";
          };
          description = ''
            Attributes that must match, with udev's wildcards: for `tty` those of a device above (the USB
            adapter), else the device's own.
          '';
        };

        action = mkOption {
          type = types.strMatching "[a-z]+([|][a-z]+)*";
          default = "add|bind";
          example = "add";
          description = "When: `add|bind` also catches a device that comes back as another, such as a boot loader.";
        };

        permission = mkOption {
          type = types.strMatching "r|w|rw|r-|-w|rwx";
          default = "rw";
          example = "r";
          description = "What its access list allows the agent.";
        };

        group = mkOption {
          type = types.strMatching "[a-z_][a-z0-9_-]{0,30}";
          default = "plugdev";
          example = "dialout";
          description = "Group of the device; it is created where nothing else does.";
        };
      };
    });
    default = [];
    example = [
      {
        subsystem = "tty";
        attrs.idVendor = "1a86";
      }
    ];
    description = ''
      Devices that it may open, by udev rules with an access list for it alone. Its prompt names them.
    '';
  };
}
