# Agents that live elsewhere: nuketown.roster.
{
  config,
  lib,
  ...
}: let
  inherit (lib) mkOption types;
  inherit (import ../lib/types.nix {inherit lib;}) bareJid line;
  cfg = config.nuketown;
in {
  options.nuketown.roster = mkOption {
    type = types.attrsOf (types.submodule ({name, ...}: {
      options = {
        host = mkOption {
          type = types.nullOr line;
          default = null;
          example = "liver";
          description = "Machine it lives on.";
        };

        role = mkOption {
          type = line;
          default = "general";
          example = "server";
          description = "What it is there for.";
        };

        description = mkOption {
          type = types.lines;
          default = "";
          example = "Prosody, dovecot and DNS for 6bit.com.";
          description = "What teammates should know of it.";
        };

        jid = mkOption {
          type = types.nullOr bareJid;
          default =
            if cfg.domain == null
            then null
            else "${name}@${cfg.domain}";
          defaultText = lib.literalMD "`<name>@domain`";
          example = "liver@6bit.com";
          description = "Its chat address; null: it has none.";
        };

        brokerJid = mkOption {
          type = types.nullOr bareJid;
          default = null;
          example = "approvals-liver@6bit.com";
          description = ''
            Account of the broker of its machine ({option}`nuketown.broker.jid` there): the only one whose
            requests for its `sudo` the broker here puts before the human.
          '';
        };
      };
    }));
    default = {};
    example.liver = {
      host = "liver";
      role = "server";
      description = "Prosody XMPP server, dovecot mail, DNS for 6bit.com.";
      brokerJid = "approvals-liver@6bit.com";
    };
    description = ''
      Agents on other hosts: teammates in prompts, peers in chat, and known to the broker of the
      workstation. Give all machines of a town the same roster; those that live here are left out.
    '';
  };
}
