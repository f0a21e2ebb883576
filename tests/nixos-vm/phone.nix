# Chat clients of people: town.clients.<name> is a service that writes what it hears to
# /run/client-<name>/heard and says what is written to /run/client-<name>/say.
{
  config,
  lib,
  pkgs,
  ...
}: let
  python = pkgs.python3.withPackages (packages: [packages.slixmpp]);
in {
  options.town.clients = lib.mkOption {
    type = lib.types.attrsOf (lib.types.submodule {
      options = {
        account = lib.mkOption {
          type = lib.types.str;
          description = "Name of its account.";
        };
        arguments = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [];
          description = "Further arguments of phone.py.";
        };
      };
    });
    default = {};
    description = "Chat clients that are online all the time.";
  };

  config.systemd.services = lib.mapAttrs' (name: client:
    lib.nameValuePair "client-${name}" {
      wantedBy = ["multi-user.target"];
      after = ["network.target" "town-accounts.service"];
      serviceConfig = {
        ExecStart = lib.escapeShellArgs ([
            (lib.getExe python)
            ./phone.py
            "--jid=${client.account}@town.example/${name}"
            "--password=${client.account}-secret"
            "--server=${config.town.server}"
            "--trust=/etc/town.pem"
            "--directory=/run/client-${name}"
          ]
          ++ client.arguments);
        Restart = "always";
        RestartSec = 1;
        RuntimeDirectory = "client-${name}";
        RuntimeDirectoryPreserve = true;
      };
    })
  config.town.clients;
}
