# Groups that are root by another name.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/membership.nix {inherit lib;}) groupsOf likeRoot;
  cfg = config.nuketown;
  held = name:
    lib.intersectLists likeRoot (groupsOf {
      inherit (config.users) users groups;
    }
    name);
  withSudo = lib.filterAttrs (_: agent: agent.sudo.enable) cfg.localAgents;
  without = lib.filterAttrs (_: agent: !agent.sudo.enable) cfg.localAgents;
  holding = agents: lib.filterAttrs (name: _: held name != []) agents;
  where = name: "users.users.${name}.extraGroups, or users.groups.${builtins.head (held name)}.members";
in {
  config = {
    assertions = lib.mapAttrsToList (name: _: {
      assertion = false;
      message = ''
        nuketown.agents.${name}.sudo.enable: it is in the group ${lib.concatStringsSep ", " (held name)}, which is root
        by another name, and nobody would be asked. Take it out of that (${where name}).
      '';
    }) (holding withSudo);

    warnings = lib.mapAttrsToList (name: _: ''
      nuketown.agents.${name} is in the group ${lib.concatStringsSep ", " (held name)}, which is root by another name,
      and nobody is asked. Take it out (${where name}), and let it ask with nuketown.agents.${name}.sudo.enable.
    '') (holding without);
  };
}
