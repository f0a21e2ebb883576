# What the broker's roles can't have.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  inherit (cfg) broker;
  onWorkstation = broker.role == "workstation";
  only = role: option: {
    assertion = broker.role == role || broker.${option} == null;
    message = ''
      nuketown.broker.${option}: only a ${role}'s broker has one, and this machine's is a
      ${broker.role}'s (nuketown.broker.role). Take it out.
    '';
  };
in {
  config = lib.mkIf (cfg.enable && broker.enable) {
    assertions = [
      {
        assertion = !onWorkstation || cfg.humanUser != null;
        message = ''
          nuketown.broker.role: "workstation" shows popups to a human, and nuketown.humanUser is not set. Set it to
          your account, or nuketown.broker.role to "device" where nobody sits.
        '';
      }
      (only "workstation" "humanPasswordSecret")
      (only "workstation" "signingKeySecret")
      (only "device" "approverKey")
      {
        assertion = broker.jid == null || broker.passwordSecret != null;
        message = ''
          nuketown.broker.passwordSecret: the broker has the account ${toString broker.jid} (nuketown.broker.jid)
          and no password. Name the secret, or set nuketown.broker.jid to null: then nobody is asked by chat.
        '';
      }
      {
        assertion = broker.jid == null || onWorkstation || cfg.humanJid != null || broker.approvalJid != null;
        message = ''
          nuketown.humanJid: nobody can be asked by chat. Set it to the human's address, or
          nuketown.broker.approvalJid to the account of their broker.
        '';
      }
      {
        assertion = broker.humanPasswordSecret == null || cfg.humanJid != null;
        message = ''
          nuketown.broker.humanPasswordSecret is the password of nuketown.humanJid, and that is not set. Set it, or
          take the password out.
        '';
      }
      {
        assertion = (broker.jid == null && broker.humanPasswordSecret == null) || broker.approvers != [];
        message = ''
          nuketown.broker.approvers is empty, so no answer by chat would count. Set nuketown.humanJid, or list
          whose answers do.
        '';
      }
    ];

    warnings = lib.optional (broker.jid == null && !onWorkstation) ''
      nuketown.broker.jid: the broker of this device has no account, so nobody can be asked: what is not
      pre-approved is denied, unless root answers with `nuketown approve`. Set it and
      nuketown.broker.passwordSecret.
    '';
  };
}
