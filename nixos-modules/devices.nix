# The hardware that agents may open: udev rules with an access list for each.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (import ./lib/udev.nix {inherit lib;}) deviceProblem udevRule;
  cfg = config.nuketown;
  devicesOf = agent: map (device: {inherit agent device;}) agent.devices;
  all = lib.concatMap devicesOf (builtins.attrValues cfg.localAgents);
  # The assertions stop the others.
  written = lib.filter ({device, ...}: deviceProblem device == null) all;
in {
  config = lib.mkIf (written != []) {
    services.udev.extraRules =
      lib.concatMapStrings (
        {
          agent,
          device,
        }:
          udevRule {
            agent = agent.name;
            inherit device;
            setfacl = lib.getExe' pkgs.acl "setfacl";
          }
          + "\n"
      )
      written;

    # udev ignores a rule's group that does not exist.
    users.groups = lib.genAttrs (map ({device, ...}: device.group) written) (_: {});
  };
}
