# A machine with COUNT agents, or with as many accounts that have a home-manager profile of FILES files each.
{
  count,
  kind,
  files ? 0,
}: let
  pkgs = import <nixpkgs> {
    system = "x86_64-linux";
    config.allowUnfreePredicate = import ../tests/nix/unfree.nix;
    overlays = [(import ../tests/nix/missing-files.nix)];
  };
  inherit (pkgs) lib;
  numbers = lib.range 1 count;
  named = value: lib.listToAttrs (map (number: lib.nameValuePair "a${toString number}" (value number)) numbers);
  agents = {
    nuketown = {
      domain = "example.org";
      humanJid = "josh@example.org";
      agents = named (number: {
        uid = 20000 + number;
        role = "software";
        description = "Collaborator number ${toString number}.";
        daemon.enable = true;
        xmpp = {
          enable = true;
          passwordSecret = "/run/secrets/a${toString number}";
        };
        sudo = {
          enable = true;
          preApproved = ["systemctl restart nginx" "journalctl *"];
        };
      });
    };
  };
  bare = {
    users = {
      users = named (number: {
        isNormalUser = true;
        uid = 20000 + number;
        group = "a${toString number}";
        linger = true;
      });
      groups = named (number: {gid = 20000 + number;});
    };
    home-manager.users = named (number: {
      home = {
        file = lib.listToAttrs (map (file: lib.nameValuePair "file-${toString file}" {text = "${toString number} ${toString file}";}) (lib.range 1 files));
        stateVersion = "26.05";
      };
      programs = {
        bash.enable = true;
        direnv.enable = true;
        git.enable = true;
        tmux.enable = true;
      };
    });
  };
  machine = import ../tests/nix/nixos.nix {
    modules = [
      (
        if kind == "agents"
        then agents
        else bare
      )
    ];
  };
in {
  inherit (machine.config.system.build.toplevel) drvPath;
  # Of one agent, and of one of the bare accounts without files of its own.
  files = builtins.length (builtins.attrNames (lib.filterAttrs (_: file: file.enable) machine.config.home-manager.users.a1.home.file));
}
