# The broker's options as the prototype named them.
{
  config,
  lib,
  ...
}: let
  inherit (lib) mkOption types;
  old = config.nuketown.approvalDaemon.xmpp;
in {
  imports = [
    (lib.mkRenamedOptionModule ["nuketown" "approvalDaemon" "enable"] ["nuketown" "approvalBroker" "enable"])
  ];

  options.nuketown.approvalDaemon.xmpp = {
    enable = mkOption {
      type = types.bool;
      default = false;
      visible = false;
      description = "The prototype's: an observer on the human's account.";
    };
    jid = mkOption {
      type = types.nullOr types.str;
      default = null;
      visible = false;
      description = "The prototype's: the human's account.";
    };
    resource = mkOption {
      type = types.str;
      default = "nuketown-broker";
      visible = false;
      description = "The prototype's: without effect, the resource is always nuketown-broker.";
    };
    passwordFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      visible = false;
      description = "The prototype's: file with the human's password.";
    };
  };

  config = lib.mkIf old.enable {
    nuketown.approvalBroker.settings = {
      human_jid = lib.mkIf (old.jid != null) (lib.mkDefault old.jid);
      human_password_file = lib.mkIf (old.passwordFile != null) (lib.mkDefault (toString old.passwordFile));
      approvers = lib.mkIf (old.jid != null) (lib.mkDefault [old.jid]);
    };

    warnings = [
      ''
        nuketown.approvalDaemon.xmpp: the broker still observes the human's account, and phones may stay
        silent. Give it an account of its own: nuketown.broker.jid and nuketown.broker.passwordSecret on NixOS,
        else jid and password_file in nuketown.approvalBroker.settings.
      ''
    ];
  };
}
