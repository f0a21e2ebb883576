# A device is named by what udev can match.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/udev.nix {inherit lib;}) deviceProblem;
  cfg = config.nuketown;
  problemsOf = agent:
    lib.imap0 (number: device: {
      assertion = deviceProblem device == null;
      message = ''
        nuketown.agents.${agent.name}.devices: number ${toString (number + 1)} (subsystem ${device.subsystem})
        ${toString (deviceProblem device)}.
      '';
    })
    agent.devices;
in {
  config.assertions = lib.concatMap problemsOf (builtins.attrValues cfg.localAgents);
}
