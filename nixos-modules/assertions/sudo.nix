# What the agents' sudo stands on.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  inherit (config) security;
  withSudo = builtins.attrNames (lib.filterAttrs (_: agent: agent.sudo.enable) cfg.localAgents);
  execWheelOnly = name: (security.${name}.enable or false) && (security.${name}.execWheelOnly or false);
in {
  config = lib.mkIf (withSudo != []) {
    assertions =
      [
        {
          assertion = (security.sudo.enable or false) || (security.sudo-rs.enable or false);
          message = ''
            nuketown.agents.${builtins.head withSudo}.sudo.enable: there is no sudo on this machine. Set
            security.sudo.enable or security.sudo-rs.enable.
          '';
        }
      ]
      ++ map (which: {
        assertion = !execWheelOnly which;
        message = ''
          nuketown.agents.${builtins.head withSudo}.sudo.enable: security.${which}.execWheelOnly lets only the group
          wheel run sudo, and an agent is not in it. Set security.${which}.execWheelOnly to false.
        '';
      }) ["sudo" "sudo-rs"];

    warnings = lib.optional (!cfg.broker.enable) ''
      nuketown.broker.enable is off, so every sudo of ${lib.concatStringsSep ", " withSudo} is refused: nobody can be
      asked.
    '';
  };
}
