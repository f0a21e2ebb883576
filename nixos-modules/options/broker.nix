# Who is asked: nuketown.broker.*.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
  inherit (import ../lib/broker-toml.nix {inherit lib;}) brokerToml;
  inherit (import ../lib/types.nix {inherit lib;}) bareJid secretName;
  cfg = config.nuketown;
  agents = builtins.attrValues cfg.enabledAgents;
  here = lib.filter (agent: agent.deploymentModel != "cloud") agents;
  onWorkstation = builtins.any (agent: agent.deploymentModel == "workstation") agents;
  own =
    if cfg.broker.role == "workstation"
    then "approvals"
    else "approvals-${config.networking.hostName}";
in {
  options.nuketown.broker = {
    enable = mkOption {
      type = types.bool;
      default = cfg.enable && here != [];
      defaultText = literalExpression "an agent lives on this machine";
      example = false;
      description = "Whether the approval broker runs on this machine. Without it every request is denied.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.nuketown or (pkgs.callPackage ../../packages/nuketown.nix {});
      defaultText = literalExpression "pkgs.nuketown";
      example = literalExpression "inputs.nuketown.packages.\${pkgs.system}.nuketown";
      description = "Package with {command}`nuketown-broker`.";
    };

    role = mkOption {
      type = types.enum ["workstation" "device"];
      default =
        if onWorkstation
        then "workstation"
        else "device";
      defaultText = lib.literalMD "workstation where a workstation agent lives, else device";
      example = "device";
      description = ''
        `workstation`: a service of {option}`nuketown.humanUser`, with popups. `device`: a system service
        that asks by chat alone. Follows from the agents.
      '';
    };

    user = mkOption {
      type = types.str;
      readOnly = true;
      internal = true;
      default =
        if cfg.broker.role == "workstation" && cfg.humanUser != null
        then cfg.humanUser
        else "nuketown-broker";
      description = "Account that the broker runs as.";
    };

    jid = mkOption {
      type = types.nullOr bareJid;
      default =
        if cfg.secrets.backend != null && cfg.domain != null
        then "${own}@${cfg.domain}"
        else null;
      defaultText = lib.literalMD "approvals@domain, on a device `approvals-<host>@domain`; null without a secrets backend";
      example = "approvals@6bit.com";
      description = ''
        The broker's own chat account: the contact whose notices ring the phone, and to which yes and no
        are said. No agent may read its password. null: popups and the command line only.
      '';
    };

    passwordSecret = mkOption {
      type = types.nullOr secretName;
      default =
        if cfg.broker.jid != null && cfg.secrets.backend != null
        then "${own}/email-password"
        else null;
      defaultText = lib.literalMD "approvals/email-password, on a device `approvals-<host>/email-password`";
      example = "approvals/email-password";
      description = "The password of {option}`nuketown.broker.jid`: name of a secret, or absolute path of a file.";
    };

    humanPasswordSecret = mkOption {
      type = types.nullOr secretName;
      default = null;
      example = "josh/email-password";
      description = ''
        Workstation: the password of {option}`nuketown.humanJid`, for an observer on that account which
        serves agents that address the human instead of the broker. Off unless set.
      '';
    };

    approvalJid = mkOption {
      type = types.nullOr bareJid;
      default =
        if cfg.broker.role == "workstation"
        then
          (
            if cfg.broker.jid != null
            then cfg.broker.jid
            else cfg.humanJid
          )
        else if cfg.domain != null && cfg.secrets.backend != null
        then "approvals@${cfg.domain}"
        else cfg.humanJid;
      defaultText = lib.literalMD "the workstation's broker, approvals@domain; else the human";
      example = "approvals@6bit.com";
      description = "Whom agents, and the broker of a device, ask by chat.";
    };

    approvers = mkOption {
      type = types.listOf bareJid;
      default = lib.optional (cfg.humanJid != null) cfg.humanJid;
      defaultText = literalExpression "[ config.nuketown.humanJid ]";
      example = ["josh@6bit.com"];
      description = "Who may say yes in chat. No agent, and not the broker itself.";
    };

    approverUsers = mkOption {
      type = types.nullOr (types.listOf types.str);
      default = null;
      example = ["root" "josh"];
      description = ''
        Accounts that may answer with {command}`nuketown approve`; null: on a workstation the human, on a
        device root.
      '';
    };

    approverKey = mkOption {
      type = types.nullOr (types.strMatching "[A-Za-z0-9+/]{43}=");
      default = null;
      example = "mDpqQZ9cXw3q5kRrVnqjOqOlDC3ZtIhTPaUj7iqTDdA=";
      description = ''
        Device: public key of the human's broker ({command}`nuketown approvals keygen`). Set, only verdicts
        signed with it approve, and whoever runs the chat server can't.
      '';
    };

    signingKeySecret = mkOption {
      type = types.nullOr secretName;
      default = null;
      example = "approvals/signing-key";
      description = "Workstation: the private key for {option}`nuketown.broker.approverKey` of the devices.";
    };

    timeout = mkOption {
      type = types.ints.between 1 3600;
      default = 120;
      example = 300;
      description = "Seconds that a request waits for an answer; silence is no.";
    };

    settings = mkOption {
      type = types.attrsOf types.anything;
      default = {};
      example.agents.ada.auto = [
        {
          kind = "delegate";
          to = "vox";
          max_per_day = 3;
        }
      ];
      description = "Further keys of {file}`broker.toml` (docs/policy.md), over what is generated.";
    };

    toml = mkOption {
      type = types.attrsOf types.anything;
      internal = true;
      readOnly = true;
      default = lib.recursiveUpdate (brokerToml {
        town = cfg;
        inherit (cfg.secrets) pathOf;
        inherit (config.networking) hostName;
      }) cfg.broker.settings;
      description = "What {file}`broker.toml` says.";
    };
  };
}
