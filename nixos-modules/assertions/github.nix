# An agent that registers its own keys: the token is named, and crosses no network in the clear.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  agents = lib.filterAttrs (_: agent: agent.github.enable) cfg.localAgents;
  isSafe = url:
    lib.hasPrefix "https://" url || builtins.match "http://(localhost|127\\.0\\.0\\.1|\\[::1])([:/].*)?" url != null;
in {
  config.assertions = lib.concatLists (lib.mapAttrsToList (name: agent: [
      {
        assertion = agent.github.pat != null;
        message = ''
          nuketown.agents.${name}.github.pat: there is no token to register keys with. Name the secret (with
          nuketown.sopsFile or nuketown.secrets.backend), or give the absolute path of a file.
        '';
      }
      {
        assertion = isSafe agent.github.apiUrl;
        message = ''
          nuketown.agents.${name}.github.apiUrl: ${agent.github.apiUrl} would send the token in the clear. Give the
          https:// address, for Enterprise Server https://HOST/api/v3.
        '';
      }
    ])
    agents);
}
