# The one rule for the helper is the only one: no other way to root that asks nobody.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/membership.nix {inherit lib;}) groupsOf likeRoot;
  inherit (import ../lib/sudo.nix {inherit lib;}) helperOf;
  inherit (import ../lib/sudoers.nix {inherit lib;}) doasRules otherRules;
  cfg = config.nuketown;
  inherit (config) security;
  withSudo = lib.filterAttrs (_: agent: agent.sudo.enable) cfg.localAgents;

  accountOf = name: agent: let
    # Of those that are root by another name ./groups.nix has a sentence already.
    groups = lib.subtractLists likeRoot (groupsOf {inherit (config.users) users groups;} name);
  in {
    inherit name groups;
    inherit (agent) uid;
    gids = lib.filter (gid: gid != null) (map (group: config.users.groups.${group}.gid or null) groups);
    command = helperOf cfg.sudo.package;
  };

  problem = name: option: found: {
    assertion = found == [];
    message = ''
      nuketown.agents.${name}.sudo.enable: ${option} gives it more than the rule that asks:
      ${lib.concatStringsSep "; " found}
      Take it out.
    '';
  };

  doasLine = rule:
    lib.concatStringsSep "\n" (
      map (user: "permit ${toString user}") rule.users ++ map (group: "permit :${toString group}") rule.groups
    );
  doasText = lib.concatMapStringsSep "\n" doasLine (security.doas.extraRules or []) + "\n" + (security.doas.extraConfig or "");

  problemsOf = name: agent: let
    account = accountOf name agent;
    administrators = ["unix-user:${name}" "unix-user:${toString agent.uid}"] ++ map (group: "unix-group:${group}") account.groups;
  in
    lib.optional (security.sudo.enable or false) (
      problem name "security.sudo" (otherRules account security.sudo.configFile)
    )
    ++ lib.optional (security.sudo-rs.enable or false) (
      problem name "security.sudo-rs" (otherRules account security.sudo-rs.configFile)
    )
    ++ lib.optional (security.doas.enable or false) (
      problem name "security.doas" (doasRules account doasText)
    )
    ++ lib.optional (security.polkit.enable or false) (
      problem name "security.polkit.adminIdentities" (
        lib.intersectLists administrators (security.polkit.adminIdentities or [])
      )
    );
in {
  config.assertions = lib.concatLists (lib.mapAttrsToList problemsOf withSudo);
}
