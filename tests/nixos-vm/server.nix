# The chat server, and its accounts.
{
  config,
  lib,
  pkgs,
  ...
}: let
  cfg = config.town.prosody;
  certificate = pkgs.callPackage ./certificate.nix {};
  ssl = {
    cert = "${certificate}/cert.pem";
    key = "${certificate}/key.pem";
  };
in {
  options.town.prosody = {
    enable = lib.mkEnableOption "the town's chat server";
    accounts = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [];
      description = "Names of the accounts.";
    };
  };

  config = lib.mkIf cfg.enable {
    networking.firewall.allowedTCPPorts = [5222];

    services.prosody = {
      enable = true;
      xmppComplianceSuite = false;
      inherit ssl;
      virtualHosts."town.example" = {
        domain = "town.example";
        enabled = true;
        inherit ssl;
      };
    };

    systemd.services.town-accounts = {
      wantedBy = ["multi-user.target"];
      requires = ["prosody.service"];
      after = ["prosody.service"];
      path = [config.services.prosody.package];
      environment.ACCOUNTS = toString cfg.accounts;
      script = builtins.readFile ./accounts.sh;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
    };
  };
}
