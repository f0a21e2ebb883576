# The approval broker of this machine: its configuration, and where agents find it.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/broker-toml.nix {inherit lib;}) brokerToml;
  cfg = config.nuketown;
  agents = builtins.attrValues cfg.localAgents;
in {
  imports = [
    ./device.nix
    ./workstation.nix
  ];

  options.nuketown.broker.settings = lib.mkOption {
    type = lib.types.attrsOf lib.types.anything;
    internal = true;
    default = {};
    description = "What broker.toml says.";
  };

  config = lib.mkIf cfg.enable {
    nuketown.broker.settings = brokerToml {
      town = cfg;
      hostName = config.networking.hostName;
      inherit (cfg.secrets) pathOf;
    };

    # The places of the sockets (design: files, sockets, names). Each directory is writable by the one
    # whose socket is in it; whoever connects looks at who serves.
    systemd.tmpfiles.settings.nuketown = lib.mkIf (agents != []) (
      lib.genAttrs ["/run/nuketown" "/run/nuketown/agents"] (_: {
        d = {
          mode = "0755";
          user = "root";
          group = "root";
        };
      })
      // builtins.listToAttrs (map (agent: {
          name = "/run/nuketown/agents/${agent.name}";
          value.d = {
            mode = "0755";
            user = agent.name;
            group = agent.name;
          };
        })
        agents)
    );
  };
}
