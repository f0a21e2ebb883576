# On a device the broker is a service of the system, with an account of its own and little else.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (import ../lib/broker-toml.nix {inherit lib;}) restartKeys;
  cfg = config.nuketown;
  user = "nuketown-broker";
in {
  config = lib.mkIf (cfg.broker.enable && cfg.broker.role == "device") {
    users.users.${user} = {
      isSystemUser = true;
      group = user;
      home = "/var/lib/nuketown-broker";
      description = "Nuketown approvals";
    };
    users.groups.${user} = {};

    environment.etc."nuketown/broker.toml".source = import ../lib/checked-toml.nix {
      inherit pkgs;
      inherit (cfg.broker) package;
      settings = cfg.broker.toml;
    };

    systemd.services.nuketown-broker = {
      description = "Nuketown approvals";
      wantedBy = ["multi-user.target"];
      # The chat server comes and goes: what needs no human works without it.
      after = ["nss-user-lookup.target"];
      startLimitIntervalSec = 0;
      restartTriggers = [(builtins.toJSON (restartKeys cfg.broker.toml))];
      serviceConfig = import ./device-service.nix {
        inherit lib user;
        inherit (cfg.broker) package;
      };
    };
  };
}
