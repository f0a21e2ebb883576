# A machine with an agent for each kind of home, below a directory of the test's.
#
#   ada   everything: portal, daemon, chat, sudo, keys, settings, more from extraHomeConfig
#   bob   daemon and chat, no sudo, a key for SSH that signs
#   eve   an account and nothing else
{
  directory,
  nix,
}: let
  pkgs = import ./stand-in-packages.nix {
    # Activations ask for the real one, wherever this machine has it.
    overlays = [
      (final: _: {
        nix = final.runCommandLocal "nix-stand-in" {
          pname = "nix";
          version = "2";
          directory = nix;
        } ''
          mkdir -p $out/bin
          ln -s $directory/nix* $out/bin/
        '';
      })
    ];
  };
  inherit
    (import ./nixos.nix {
      inherit pkgs;
      modules = [town];
    })
    config
    ;
  inherit (pkgs) lib;
  homes = config.home-manager.users;

  town = {
    users.users.josh = {
      isNormalUser = true;
      uid = 1000;
    };
    home-manager = {
      useUserPackages = true;
      users.josh = {};
    };
    nuketown = {
      agentsDir = "${directory}/agents";
      domain = "6bit.com";
      humanUser = "josh";
      humanName = "Josh";
      secrets = {
        backend = "files";
        directory = "${directory}/secrets";
      };
      # Nobody listens there: a daemon starts all the same.
      xmpp = {
        host = "127.0.0.1";
        port = 1;
        tls = "off-loopback-only";
      };
      agents = {
        ada = {
          uid = 1100;
          role = "software";
          description = "Says \"hi\": in Rust & Nix,\n  # and more.\n";
          portal.enable = true;
          sudo.enable = true;
          daemon = {
            enable = true;
            apiKeySecret = "ada/anthropic-api-key";
            headlessModel = "claude-sonnet-5";
            repos = {
              hello = {
                url = "https://git.example.org/hello.git";
                branch = "main";
              };
              "nix.pkgs".url = "git@git.example.org:nix.pkgs.git";
            };
            budget = {
              perTask = 2.5;
              perDay = 20;
            };
            settings = {
              socket = "${directory}/run/daemon.sock";
              session.permission_mode = "bypassPermissions";
            };
          };
          xmpp = {
            enable = true;
            rooms = ["town@rooms.6bit.com"];
            peers = ["Josh@6bit.com" "vox@6bit.com"];
          };
          secrets = {
            gpgKey = "ada/gpg-key";
            extraSecrets.npm-token = "ada/npm-token";
          };
          git.name = "Ada \"the\" Agent";
          claudeCode = {
            settings = {
              model = "opus";
              env.EDITOR = "vi";
            };
            extraAgents = {
              reviewer = "---\nname: reviewer\n---\nRead.\n";
              from-file = ./README.md;
            };
          };
          extraHomeConfig = {pkgs, ...}: {
            home.packages = [pkgs.zstd];
            programs.git.settings.core.abbrev = 12;
          };
          limits.memoryMax = "8G";
        };
        bob = {
          daemon.enable = true;
          xmpp.enable = true;
          secrets.sshKey = "bob/ssh-key";
          extraHomeConfig.home.packages = [pkgs.zstd];
        };
        eve = {};
      };
    };
  };

  # Programs of generated units, for tests that run them.
  unit = name: service: homes.${name}.systemd.user.services.${service}.Service;
in
  pkgs.writeText "homes.json" (builtins.toJSON {
    homes =
      lib.mapAttrs (name: home: {
        activation = home.home.activationPackage;
        files = home.home-files;
        packages = map lib.getName home.home.packages;
        user = config.users.users.${name}.home;
      })
      homes;
    keys = lib.genAttrs ["ada" "bob"] (name: {
      inherit (unit name "nuketown-keys") Environment ExecStart;
    });
    inherit (config.nuketown.agents.ada.sudo) shim;
    claude = lib.getExe config.nuketown.agents.ada.claudeCode.package;
    environments = lib.mapAttrs (_: service: service.environment.HOME_MANAGER_BACKUP_EXT or null) {
      inherit (config.systemd.services) home-manager-ada home-manager-josh;
    };
  })
