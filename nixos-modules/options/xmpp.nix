# The chat server, as agents and broker reach it: nuketown.xmpp.*.
{lib, ...}: let
  inherit (lib) mkOption types;
  inherit (import ../lib/types.nix {inherit lib;}) runtimeFile;
in {
  options.nuketown.xmpp = {
    host = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "127.0.0.1";
      description = "Where to connect, for agents and broker; null: what DNS says of the domain.";
    };

    port = mkOption {
      type = types.nullOr types.port;
      default = null;
      example = 5222;
      description = "Port to connect to; null: what DNS says, else 5222.";
    };

    tls = mkOption {
      type = types.enum ["required" "off-loopback-only"];
      default = "required";
      example = "off-loopback-only";
      description = "`off-loopback-only` needs a loopback {option}`nuketown.xmpp.host`.";
    };

    caFile = mkOption {
      type = types.nullOr runtimeFile;
      default = null;
      example = "/etc/ssl/certs/town.pem";
      description = "Certificates to trust instead of the system's.";
    };
  };
}
