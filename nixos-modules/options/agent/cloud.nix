# As a pod: cloud.*.
{
  lib,
  name,
  town,
  ...
}: let
  inherit (lib) mkOption types;
in {
  options.cloud = {
    enable = mkOption {
      type = types.bool;
      default = town.cloud.enable;
      defaultText = lib.literalMD "nuketown.cloud.enable";
      example = true;
      description = ''
        Run it in the cluster instead of on this machine. Its portal, devices and sudo stay behind, with a
        note.
      '';
    };

    resources = mkOption {
      type = types.str;
      default = town.cloud.resources;
      defaultText = lib.literalMD "nuketown.cloud.resources";
      example = "standard";
      description = "Its tier, one of {option}`nuketown.cloud.tiers`.";
    };

    scaling = {
      maxResources = mkOption {
        type = types.str;
        default = town.cloud.scaling.maxResources;
        defaultText = lib.literalMD "nuketown.cloud.scaling.maxResources";
        example = "large";
        description = "The largest tier that it may ask for.";
      };
      idleTimeout = mkOption {
        type = types.ints.positive;
        default = town.cloud.scaling.idleTimeout;
        defaultText = lib.literalMD "nuketown.cloud.scaling.idleTimeout";
        example = 3600;
        description = "Seconds of idleness before it goes back to its own tier.";
      };
    };

    identity = {
      gcpServiceAccount = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "ada-agent@myproject.iam.gserviceaccount.com";
        description = "Google service account that its pod acts as.";
      };
      scope = mkOption {
        type = types.str;
        default = "${name}-*";
        defaultText = lib.literalMD "`<name>-*`";
        example = "ada-*";
        description = "What that account reaches, by the names of resources.";
      };
    };
  };
}
