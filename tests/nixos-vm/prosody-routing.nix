# The attic's broker asks josh's address. With our module Prosody gives that to his desk's broker and to
# no chat client; without the desk, his phone gets it and answers the attic itself.
{
  name = "nuketown-prosody-routing";

  nodes = {
    server = {pkgs, ...}: {
      town = {
        clients.phone = {
          account = "josh";
          arguments = ["--priority=5"];
        };
        prosody = {
          enable = true;
          accounts = ["ada" "approvals" "approvals-attic" "attic" "josh"];
        };
      };
      services.prosody = {
        extraPluginPaths = ["${pkgs.prosody-mod-nuketown-approval}/share/prosody/modules"];
        extraModules = ["nuketown_approval"];
      };
      system.stateVersion = "26.05";
    };

    desk = {nodes, ...}: {
      town.server = nodes.server.networking.primaryIPAddress;
      users.users.josh = {
        isNormalUser = true;
        uid = 1000;
      };
      home-manager.users.josh.home.stateVersion = "26.05";
      nuketown = {
        humanUser = "josh";
        broker.humanPasswordSecret = "josh/email-password";
        roster.attic = {
          host = "attic";
          role = "server";
          brokerJid = "approvals-attic@town.example";
        };
        agents.ada = {
          uid = 1100;
          role = "software";
          portal.enable = true;
          xmpp.enable = true;
          daemon.enable = true;
        };
      };
      system.stateVersion = "26.05";
    };

    attic = {nodes, ...}: {
      town.server = nodes.server.networking.primaryIPAddress;
      nuketown = {
        broker.approvalJid = "josh@town.example";
        agents.attic = {
          uid = 1200;
          role = "server";
          xmpp.enable = true;
          daemon.enable = true;
          sudo.enable = true;
        };
      };
      system.stateVersion = "26.05";
    };
  };

  testScript = builtins.readFile ./common.py + builtins.readFile ./prosody-routing.py;
}
