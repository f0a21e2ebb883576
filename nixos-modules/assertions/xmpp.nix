# Addresses need a domain, accounts a password, and passwords a protected way.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  here = lib.filterAttrs (_: agent: agent.xmpp.enable) cfg.localAgents;
  everywhere = lib.filterAttrs (_: agent: agent.xmpp.enable) cfg.enabledAgents;
  loopback = ["localhost" "127.0.0.1" "::1"];
in {
  config = lib.mkIf cfg.enable {
    assertions =
      lib.mapAttrsToList (name: agent: {
        assertion = cfg.domain != null || agent.xmpp.jid != "${name}@${config.networking.hostName}";
        message = ''
          nuketown.agents.${name}.xmpp.enable: it has no address, because nuketown.domain is not set. Set it, or
          nuketown.agents.${name}.xmpp.jid.
        '';
      })
      everywhere
      ++ lib.mapAttrsToList (name: agent: {
        assertion = !agent.daemon.enable || agent.xmpp.passwordSecret != null;
        message = ''
          nuketown.agents.${name}.xmpp.passwordSecret: its daemon has no password for ${agent.xmpp.jid}. Name the
          secret (with nuketown.sopsFile or nuketown.secrets.backend), or give the absolute path of a file.
        '';
      })
      here
      ++ [
        {
          assertion = cfg.xmpp.tls == "required" || builtins.elem cfg.xmpp.host loopback;
          message = ''
            nuketown.xmpp.tls: "off-loopback-only" needs nuketown.xmpp.host = "127.0.0.1" (or "::1"): anywhere else
            passwords would cross the network in the clear.
          '';
        }
      ];
  };
}
