# ada's sudo on two desks, one with sudo and one with sudo-rs: nothing runs as root that josh did not
# approve, whatever ada tries.
let
  desk = {
    town = {
      clients.phone.account = "josh";
      prosody = {
        enable = true;
        accounts = ["ada" "approvals" "josh"];
      };
    };

    users.users.josh = {
      isNormalUser = true;
      uid = 1000;
    };

    home-manager.users.josh.home.stateVersion = "26.05";

    nuketown = {
      humanUser = "josh";
      broker.timeout = 20;
      agents.ada = {
        uid = 1100;
        role = "software";
        portal.enable = true;
        xmpp.enable = true;
        daemon.enable = true;
        sudo = {
          enable = true;
          preApproved = ["journalctl *"];
        };
      };
    };

    system.stateVersion = "26.05";
  };
in {
  name = "nuketown-sudo-approval";

  nodes = {
    classic = desk;
    rust = {
      imports = [desk];
      security.sudo-rs.enable = true;
    };
  };

  testScript = builtins.readFile ./common.py + builtins.readFile ./sudo-approval.py;
}
