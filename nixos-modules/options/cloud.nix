# The cluster, for the projection to Kubernetes: nuketown.cloud.*.
{lib, ...}: let
  inherit (lib) literalExpression mkOption types;
  tier = types.submodule {
    options = {
      cpu = mkOption {
        type = types.str;
        example = "2";
        description = "CPU that a pod requests.";
      };
      memory = mkOption {
        type = types.str;
        example = "4Gi";
        description = "Memory that a pod requests and may use.";
      };
      resources = mkOption {
        type = types.attrsOf types.str;
        default = {};
        example = {"nvidia.com/gpu" = "1";};
        description = "Further resources.";
      };
      nodeSelector = mkOption {
        type = types.attrsOf types.str;
        default = {};
        example = {"nuketown.io/tier" = "standard";};
        description = "Labels of the nodes it runs on.";
      };
      tolerations = mkOption {
        type = types.listOf (types.attrsOf types.anything);
        default = [];
        example = [
          {
            key = "nvidia.com/gpu";
            operator = "Exists";
            effect = "NoSchedule";
          }
        ];
        description = "Taints of nodes that it tolerates.";
      };
    };
  };
in {
  options.nuketown.cloud = {
    enable = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Deploy every agent declared here to the cluster, unless it says otherwise.";
    };

    tiers = mkOption {
      type = types.attrsOf tier;
      default = {
        small = {
          cpu = "1";
          memory = "2Gi";
          nodeSelector."nuketown.io/tier" = "small";
        };
        standard = {
          cpu = "2";
          memory = "4Gi";
          nodeSelector."nuketown.io/tier" = "standard";
        };
        large = {
          cpu = "4";
          memory = "8Gi";
          nodeSelector."nuketown.io/tier" = "large";
        };
        gpu = {
          cpu = "4";
          memory = "16Gi";
          resources."nvidia.com/gpu" = "1";
          nodeSelector."nuketown.io/tier" = "gpu";
          tolerations = [
            {
              key = "nvidia.com/gpu";
              operator = "Exists";
              effect = "NoSchedule";
            }
          ];
        };
      };
      defaultText = literalExpression "small, standard, large and gpu (docs/options.md)";
      example = {
        standard = {
          cpu = "2";
          memory = "4Gi";
          nodeSelector."nuketown.io/tier" = "standard";
        };
      };
      description = "Sizes of pods, by name. The single source of what a tier is and where it runs.";
    };

    resources = mkOption {
      type = types.str;
      default = "standard";
      example = "small";
      description = "Tier of an agent that names none.";
    };

    scaling = {
      maxResources = mkOption {
        type = types.str;
        default = "large";
        example = "gpu";
        description = "The largest tier that an agent which names none may ask for.";
      };
      idleTimeout = mkOption {
        type = types.ints.positive;
        default = 3600;
        example = 900;
        description = "Seconds of idleness before a scaled-up agent goes back to its own tier.";
      };
    };

    imageMode = mkOption {
      type = types.enum ["oci" "nix-snapshotter"];
      default = "oci";
      example = "nix-snapshotter";
      description = "How an agent's closure reaches the node.";
    };

    registry = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "ghcr.io/example/nuketown";
      description = "Where its image is pushed to.";
    };

    storageClass = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "fast-ssd";
      description = "Storage class of the persistent directories; null: the cluster's default.";
    };

    defaultPersistSize = mkOption {
      type = types.str;
      default = "10Gi";
      example = "50Gi";
      description = "Size of a persistent directory.";
    };

    agents = mkOption {
      type = types.attrsOf (types.submodule {
        options.persistSizes = mkOption {
          type = types.attrsOf types.str;
          default = {};
          example = {projects = "50Gi";};
          description = "Sizes by directory of {option}`nuketown.agents.<name>.persist`.";
        };
      });
      default = {};
      example.ada.persistSizes.projects = "50Gi";
      description = "What differs per agent.";
    };
  };
}
