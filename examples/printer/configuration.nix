# The 3D printer, which knows its own temperature.
{
  imports = [
    ../town/device.nix
    ./hardware.nix
  ];

  networking.hostName = "printer";

  nuketown.agents.printer = {
    role = "fabrication";
    description = ''
      Raspberry Pi running Klipper for the Ender 3.
      Manages print jobs, monitors temperatures, detects failures.
    '';
    daemon.enable = true;
    xmpp.enable = true;
    devices = [
      {
        # the printer's serial port
        subsystem = "tty";
        attrs.idVendor = "1a86";
      }
    ];
  };
}
