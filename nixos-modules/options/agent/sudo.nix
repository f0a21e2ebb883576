# What it may do as root, and who is asked: sudo.*.
{
  config,
  lib,
  town,
  ...
}: let
  inherit (lib) mkOption types;
  pattern = types.strMatching "[^[:cntrl:]]+";
in {
  options.sudo = {
    enable = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Give it a {command}`sudo` that asks the human, or the rules below, before anything runs. It never
        gets a password.
      '';
    };

    preApproved = mkOption {
      type = types.listOf pattern;
      default = [];
      example = ["systemctl restart *" "journalctl *" "certbot renew"];
      description = ''
        Commands that run without anybody being asked, word by word; `*` stands for a part of one word, and
        at the end for one or more words. docs/policy.md says what a pattern can't match.
      '';
    };

    deny = mkOption {
      type = types.listOf pattern;
      default = [];
      example = ["nixos-rebuild *"];
      description = "Commands that are refused without anybody being asked.";
    };

    timeout = mkOption {
      type = types.nullOr (types.ints.between 1 3600);
      default = null;
      example = 300;
      description = "Seconds that its requests wait; null: {option}`nuketown.broker.timeout`.";
    };

    shim = mkOption {
      type = types.nullOr types.package;
      internal = true;
      readOnly = true;
      default =
        if config.sudo.enable && config.deploymentModel != "cloud"
        then town.sudo.package
        else null;
      description = "Package whose {file}`bin/sudo` comes first in its PATH; null: it has no sudo.";
    };
  };
}
