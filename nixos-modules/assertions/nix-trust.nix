# Whom Nix trusts may become root.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/membership.nix {inherit lib;}) groupsOf;
  cfg = config.nuketown;
  trusted = config.nix.settings.trusted-users or [];
  reasons = name: let
    groups = groupsOf {inherit (config.users) users groups;} name;
  in
    lib.intersectLists (["*" name] ++ map (group: "@${group}") groups) trusted;
  withSudo = lib.filterAttrs (name: agent: agent.sudo.enable && reasons name != []) cfg.localAgents;
in {
  config.assertions = lib.mapAttrsToList (name: _: {
    assertion = false;
    message = ''
      nuketown.agents.${name}.sudo.enable: nix.settings.trusted-users has
      "${lib.concatStringsSep "\", \"" (reasons name)}", and whom Nix trusts may become root without asking. Take it out.
    '';
  })
  withSudo;
}
