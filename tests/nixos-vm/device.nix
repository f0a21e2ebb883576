# The town's chat server is one machine, the attic another, which is its own agent. Nobody sits there:
# routine work is approved beforehand, all else waits for josh's phone, which is online at the server.
{
  name = "nuketown-device";

  nodes = {
    server = {
      town = {
        clients.phone.account = "josh";
        prosody = {
          enable = true;
          accounts = ["approvals-attic" "attic" "josh"];
        };
      };
      system.stateVersion = "26.05";
    };

    attic = {
      nodes,
      pkgs,
      ...
    }: {
      town.server = nodes.server.networking.primaryIPAddress;

      services.nginx.enable = true;

      nuketown = {
        # There is no workstation in this town: the broker asks josh himself.
        broker.approvalJid = "josh@town.example";
        agents.attic = {
          uid = 1200;
          role = "server";
          description = "Backups and the media library, in the attic.";
          xmpp.enable = true;
          daemon.enable = true;
          packages = [pkgs.hello];
          sudo = {
            enable = true;
            preApproved = ["systemctl restart nginx" "journalctl *"];
            deny = ["nixos-rebuild *"];
            timeout = 60;
          };
        };
      };

      system.stateVersion = "26.05";
    };
  };

  testScript = builtins.readFile ./common.py + builtins.readFile ./device.py;
}
