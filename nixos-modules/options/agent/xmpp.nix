# Its address: xmpp.*.
{
  lib,
  name,
  town,
  host,
  ...
}: let
  inherit (lib) mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) bareJid secretName;
  domain =
    if town.domain == null
    then host
    else town.domain;
in {
  options.xmpp = {
    enable = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Let its daemon be in the chat.";
    };

    jid = mkOption {
      type = bareJid;
      default = "${name}@${domain}";
      defaultText = lib.literalMD "`<name>@domain`";
      example = "ada@6bit.com";
      description = "Its account.";
    };

    passwordSecret = mkOption {
      type = types.nullOr secretName;
      default =
        if town.secrets.backend == null
        then null
        else "${name}/email-password";
      defaultText = lib.literalMD "`<name>/email-password` where a secrets backend is set";
      example = "ada/email-password";
      description = "Its password: name of a secret, or absolute path of a file.";
    };

    rooms = mkOption {
      type = types.listOf bareJid;
      default = [];
      example = ["town@rooms.6bit.com"];
      description = "Rooms that it joins.";
    };

    owners = mkOption {
      type = types.listOf bareJid;
      default = lib.optional (town.humanJid != null) town.humanJid;
      defaultText = lib.literalMD "humanJid";
      example = ["josh@6bit.com"];
      description = "Who may tell it everything; the first hears what nobody else is named for.";
    };

    peers = mkOption {
      type = types.listOf bareJid;
      default = [];
      example = ["liver@6bit.com"];
      description = ''
        Who may give it tasks and control their own, beside the other agents here and those of
        {option}`nuketown.roster`.
      '';
    };
  };
}
