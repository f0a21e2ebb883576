# For home-manager: the workstation's broker as a service of the human who answers.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (import ../lib/broker-toml.nix {inherit lib;}) restartKeys;
  inherit (lib) literalExpression mkOption types;
  cfg = config.nuketown.approvalBroker;
  # zenity shows the popups, systemctl says where the display is, journalctl keeps the audit's heads.
  programs = [pkgs.zenity pkgs.systemd pkgs.coreutils];
in {
  # One and the same file, however often it is imported: by the NixOS module, and by hand.
  _file = ./approval-broker.nix;
  key = toString ./approval-broker.nix;
  imports = [./approval-daemon.nix];

  options.nuketown.approvalBroker = {
    enable = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether the approval broker runs for this account. The NixOS module turns it on for
        {option}`nuketown.humanUser`.
      '';
    };

    package = mkOption {
      type = types.package;
      default = pkgs.nuketown or (pkgs.callPackage ../../packages/nuketown.nix {});
      defaultText = literalExpression "pkgs.nuketown";
      example = literalExpression "inputs.nuketown.packages.\${pkgs.system}.nuketown";
      description = "Package with {command}`nuketown-broker`.";
    };

    settings = mkOption {
      inherit (pkgs.formats.toml {}) type;
      default = {};
      example = {
        role = "workstation";
        jid = "approvals@6bit.com";
        password_file = "/run/secrets/approvals/email-password";
      };
      description = ''
        What {file}`~/.config/nuketown/broker.toml` says (docs/policy.md). The NixOS module fills it in from
        the agents.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    nuketown.approvalBroker.settings.role = lib.mkDefault "workstation";

    xdg.configFile."nuketown/broker.toml".source = import ../lib/checked-toml.nix {
      inherit pkgs;
      inherit (cfg) package settings;
    };

    systemd.user.services.nuketown-broker = {
      Unit = {
        Description = "Nuketown approvals";
        # Never give up; the growing delay below bounds how often it is tried.
        StartLimitIntervalSec = 0;
        X-Restart-Triggers = [(builtins.hashString "sha256" (builtins.toJSON (restartKeys cfg.settings)))];
      };

      Service = {
        Type = "notify";
        NotifyAccess = "main";
        ExecStart = "${lib.getExe' cfg.package "nuketown-broker"} --config ${config.xdg.configHome}/nuketown/broker.toml";
        Environment = ["PATH=${lib.makeBinPath programs}"];
        TimeoutStartSec = 60;
        WatchdogSec = 30;
        Restart = "always";
        RestartSec = 1;
        RestartSteps = 6;
        RestartMaxDelaySec = 60;
        # EX_CONFIG: starting again would not mend the configuration.
        RestartPreventExitStatus = 78;
        # Time to deny what is pending, and to say so.
        TimeoutStopSec = 30;

        MemoryMax = "512M";
        TasksMax = 256;
        UMask = "0077";
        LimitCORE = 0;

        # No mounts of its own (ProtectSystem, PrivateTmp): a user manager makes them in a user
        # namespace, in which every peer of the socket is nobody.
        NoNewPrivileges = true;
        LockPersonality = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        RestrictAddressFamilies = ["AF_UNIX" "AF_INET" "AF_INET6" "AF_NETLINK"];
        SystemCallArchitectures = "native";
      };

      # Not with the screen: the phone answers when nobody sits there, and the display is looked for
      # in the service manager's environment each time one is needed.
      Install.WantedBy = ["default.target"];
    };
  };
}
