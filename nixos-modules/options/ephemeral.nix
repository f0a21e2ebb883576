# Homes that begin anew at every boot: nuketown.{btrfsDevice,ephemeral.*}.
{
  config,
  lib,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
  subvolumeName = types.strMatching "@?[A-Za-z0-9][A-Za-z0-9_-]*";
  cfg = config.nuketown;
in {
  options.nuketown = {
    btrfsDevice = mkOption {
      type = types.nullOr (types.strMatching "/dev/[^[:cntrl:][:space:]]+|[0-9A-Fa-f-]+");
      default = null;
      example = "/dev/disk/by-label/town";
      description = ''
        The btrfs device, or its UUID, whose subvolume holds the agents' homes. Set, the homes of a
        workstation's agents are rolled back at every boot; null, they stay as they are.
      '';
    };

    ephemeral = {
      enable = mkOption {
        type = types.bool;
        default = cfg.btrfsDevice != null && builtins.any (agent: agent.deploymentModel == "workstation") (builtins.attrValues cfg.enabledAgents);
        defaultText = literalExpression "btrfsDevice is set and a workstation agent lives here";
        example = false;
        description = "Whether the agents' subvolume is rolled back at boot. Devices keep their homes.";
      };

      keepGenerations = mkOption {
        type = types.ints.unsigned;
        default = 3;
        example = 0;
        description = "How many of the last homes are kept for inspection.";
      };

      subvolume = mkOption {
        type = subvolumeName;
        default = "@agents";
        example = "@agents";
        description = "Subvolume that is mounted at {option}`nuketown.agentsDir`; nothing else is touched.";
      };

      blankSnapshot = mkOption {
        type = subvolumeName;
        default = "@agents-blank";
        example = "@agents-blank";
        description = "What it is rolled back to; the first boot creates it, empty.";
      };

      generations = mkOption {
        type = subvolumeName;
        default = "@agents-generations";
        example = "@agents-generations";
        description = "Subvolume that keeps the last homes.";
      };
    };
  };
}
