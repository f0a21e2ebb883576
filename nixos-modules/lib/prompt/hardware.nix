# Devices that it may open.
{
  agent,
  isCloud,
  lib,
  text,
  ...
}: let
  about = device: let
    attributes = lib.mapAttrsToList (name: value: "${name}=${value}") device.attrs;
    matching = lib.optionalString (attributes != []) " with ${text.codes attributes}";
    rights = text.series "and" (
      lib.optional (lib.hasInfix "r" device.permission) "read"
      ++ lib.optional (lib.hasInfix "w" device.permission) "write"
    );
  in "- `${device.subsystem}`${matching}: ${rights}";
in
  lib.optionalString (agent.devices != [] && !isCloud) (text.paragraphs [
    "These devices are opened to you when they appear; you need no root for them:"
    # As they are: two spaces in a device's name are two.
    (lib.concatMapStringsSep "\n" about agent.devices)
    (text.flow [
      "`udevadm info` tells which node is which. A device that is not there is not plugged in, or in another mode:"
      "ask for a hand. What is written to hardware no reboot undoes: be sure which device you hold."
    ])
  ])
