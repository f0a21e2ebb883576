# A machine as people wrote it for the published prototype: every option of its module and of its
# home-manager module, with the prototype's names and types.
{pkgs, ...}: {
  networking.hostName = "signi";
  users.users.josh.isNormalUser = true;
  sops = {
    age.keyFile = "/var/lib/key";
    validateSopsFiles = false;
  };
  boot.initrd.systemd.enable = true;
  fileSystems."/persist" = {
    device = "/dev/sdb";
    fsType = "ext4";
    neededForBoot = true;
  };

  nuketown = {
    enable = true;
    domain = "6bit.com";
    agentsDir = "/agents";
    btrfsDevice = "38b243a0-c875-4758-8998-cc6c6a4c451e";
    sopsFile = "/etc/agents.yaml";
    basePackages = with pkgs; [git ripgrep];
    projectDirs = ["~/dev"];
    humanUser = "josh";
    humanName = "Josh Perry";
    humanEmail = "josh@6bit.com";

    agents.ada = {
      enable = true;
      uid = 1100;
      role = "software";
      description = ''
        Software collaborator on signi.
      '';
      git = {
        name = "ada";
        email = "ada@6bit.com";
        signing = true;
      };
      packages = with pkgs; [jq];
      extraHomeConfig.home.packages = [pkgs.fd];
      persist = ["projects" ".config/claude"];
      secrets = {
        sshKey = "ada/ssh-key";
        gpgKey = "ada/gpg-key";
        extraSecrets.npm = "ada/npm";
      };
      devices = [
        {
          subsystem = "usb";
          attrs.idVendor = "0483";
          action = "add|bind";
          permission = "rw";
          group = "plugdev";
        }
      ];
      sudo = {
        enable = true;
        commands = ["nixos-rebuild"];
      };
      portal = {
        enable = true;
        command = "claude --permission-mode bypassPermissions";
        layout = "50/50";
      };
      claudeCode = {
        enable = true;
        settings.permissions.defaultMode = "acceptEdits";
        agentName = "ada-software";
        extraPrompt = "Run the linters.";
        extraAgents.reviewer = "---\nname: reviewer\ndescription: reviews\n---\nReview.\n";
      };
      daemon = {
        enable = true;
        bootstrapModel = "claude-haiku-4-5-20251001";
        apiKeySecret = "ada/anthropic-api-key";
        repos.nuketown.url = "git@github.com:joshperry/nuketown.git";
        headlessTimeout = 14400;
        mail = {
          enable = true;
          host = "liver.6bit.com";
          port = 993;
          username = "ada@6bit.com";
          passwordSecret = "ada/email-password";
          mailbox = "INBOX";
        };
      };
      xmpp = {
        enable = true;
        jid = "ada@6bit.com";
        passwordSecret = "ada/email-password";
        rooms = ["town@rooms.6bit.com"];
      };
    };
  };

  home-manager.users.josh.nuketown.approvalDaemon = {
    enable = true;
    xmpp = {
      enable = true;
      jid = "josh@6bit.com";
      resource = "nuketown-broker";
      passwordFile = "/run/secrets/josh/email-password";
    };
  };
}
