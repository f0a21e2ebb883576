# The seven were made by hand once. Their accounts, uids and homes stay; what is generated over a file of
# theirs moves it aside (docs/install.md).
{lib, ...}: {
  imports = [./hardware.nix];

  networking = {
    hostName = "earthrealm";
    domain = "earthrealm.example";
  };

  users.users.human = {
    isNormalUser = true;
    uid = 1000;
    extraGroups = ["wheel"];
  };

  nixpkgs.config.allowUnfreePredicate = package: lib.getName package == "claude-code";

  home-manager = {
    useGlobalPkgs = true;
    useUserPackages = true;
  };

  nuketown = {
    agentsDir = "/home";
    humanUser = "human";
    humanName = "The human of earthrealm";
    # Passwords are files below /var/lib/nuketown-secrets, by hand.
    secrets.backend = "files";

    agents = {
      # Who hands out the work sits beside the human.
      bossypants.portal.enable = true;

      # Who runs the machine may ask for root, and is asked about most of it.
      handypants.sudo = {
        enable = true;
        preApproved = ["systemctl restart nginx" "journalctl *"];
      };
    };
  };

  system.stateVersion = "26.05";
}
