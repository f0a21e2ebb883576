# The approval broker of this machine, and the places where agents and it find each other.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  agents = builtins.attrValues cfg.localAgents;
in {
  imports = [
    ./device.nix
    ./workstation.nix
  ];

  config = lib.mkIf cfg.enable {
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
