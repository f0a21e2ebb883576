# udev rules for the devices that agents may open.
{lib}: let
  # udev(7): between double quotes only \" means something else than itself; and a rule ends with its
  # line. What can't stand there as it is isn't quoted but refused.
  isValue = value: value != "" && builtins.match "[^\"\\[:cntrl:]]+" value != null;

  # A file below the device's directory in sysfs. In brackets udev would look at another device's.
  isAttribute = name:
    builtins.match "[A-Za-z0-9_.:-]+(/[A-Za-z0-9_.:-]+)*" name
    != null
    && !builtins.elem ".." (lib.splitString "/" name);
in {
  /*
  deviceProblem :: attrs -> string | null

  Why no rule can be written for a device; null: one can.

  deviceProblem { subsystem = "tty"; attrs = { idVendor = "1a\"86"; }; … }
  => "its attribute idVendor has a value that udev can't quote: …"
  */
  deviceProblem = device: let
    badNames = lib.filter (name: !isAttribute name) (builtins.attrNames device.attrs);
    badValues = lib.filter (name: !isValue device.attrs.${name}) (builtins.attrNames device.attrs);
  in
    if device.attrs == {}
    then "has no attributes and would give it every ${device.subsystem} device: name some in attrs (udevadm info --attribute-walk shows them)"
    else if badNames != []
    then "has an attribute that can't be one of udev's, ${builtins.toJSON (builtins.head badNames)}: take the name that udevadm info --attribute-walk shows"
    else if badValues != []
    then "has a value of ${builtins.head badValues} that udev can't quote: leave out quotes, backslashes and line breaks (a ? stands for any one character)"
    else null;

  /*
  udevRule :: attrs -> string

  The rule that lets one agent open one kind of device, by an access list for it alone. Of a terminal
  the attributes are those of the adapter above it; of anything else, its own.

  udevRule { agent = "ada"; device = { subsystem = "usb"; attrs.idVendor = "0483"; action = "add|bind"; permission = "rw"; group = "plugdev"; }; setfacl = "/nix/store/…/bin/setfacl"; }
  => "ACTION==\"add|bind\", SUBSYSTEM==\"usb\", ENV{DEVNAME}==\"?*\", ATTR{idVendor}==\"0483\", GROUP=\"plugdev\", MODE=\"0660\", RUN+=\"/nix/store/…/bin/setfacl -m u:ada:rw $env{DEVNAME}\""
  */
  udevRule = {
    agent,
    device,
    setfacl,
  }: let
    key =
      if device.subsystem == "tty"
      then "ATTRS"
      else "ATTR";
    matches = lib.mapAttrsToList (name: value: ''${key}{${name}}=="${value}"'') device.attrs;
  in
    lib.concatStringsSep ", " (
      [
        ''ACTION=="${device.action}"''
        ''SUBSYSTEM=="${device.subsystem}"''
        # What can be opened: an interface of a USB device has no node.
        ''ENV{DEVNAME}=="?*"''
      ]
      ++ matches
      ++ [
        ''GROUP="${device.group}"''
        ''MODE="0660"''
        ''RUN+="${setfacl} -m u:${agent}:${device.permission} $env{DEVNAME}"''
      ]
    );
}
