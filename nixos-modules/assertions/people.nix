# Who has to be there: the human, with an account.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  human = cfg.humanUser;
  account = config.users.users.${human} or null;
  portals = lib.filterAttrs (_: agent: agent.portal.enable) cfg.localAgents;
in {
  config = lib.mkIf cfg.enable {
    assertions =
      lib.mapAttrsToList (name: _: {
        assertion = human != null;
        message = ''
          nuketown.agents.${name}.portal.enable: a portal is opened by a human, and nuketown.humanUser is not set.
          Set it to your account, or leave the portal out where nobody sits.
        '';
      })
      portals
      ++ [
        {
          assertion = human == null || (account != null && (account.isNormalUser || account.isSystemUser));
          message = ''
            nuketown.humanUser: there is no account ${toString human}. Declare it
            (users.users.${toString human}.isNormalUser = true) or name the one that is there.
          '';
        }
        {
          assertion = human == null || !cfg.agents ? ${human};
          message = ''
            nuketown.humanUser: ${toString human} is an agent (nuketown.agents.${toString human}), and who asks
            can't be the one that answers. Name the human's own account.
          '';
        }
      ];
  };
}
