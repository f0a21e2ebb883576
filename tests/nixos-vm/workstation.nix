# josh's desk, and ada beside him: a message becomes a commit, and the portal opens.
{
  name = "nuketown-workstation";

  nodes.desk = {
    town = {
      clients.phone.account = "josh";
      model.enable = true;
      prosody = {
        enable = true;
        accounts = ["ada" "approvals" "josh"];
      };
    };

    virtualisation.memorySize = 4096;

    users.users.josh = {
      isNormalUser = true;
      uid = 1000;
      extraGroups = ["wheel"];
    };

    home-manager.users.josh.home.stateVersion = "26.05";

    nuketown = {
      humanUser = "josh";
      projectDirs = ["~/dev"];
      agents.ada = {
        uid = 1100;
        role = "software";
        description = "Software collaborator at josh's desk.";
        portal.enable = true;
        sudo.enable = true;
        xmpp.enable = true;
        daemon = {
          enable = true;
          apiKeySecret = "ada/anthropic-api-key";
          mode = "headless";
          repos.hello.url = "/srv/hello.git";
        };
      };
    };

    system.stateVersion = "26.05";
  };

  testScript = builtins.readFile ./common.py + builtins.readFile ./workstation.py;
}
