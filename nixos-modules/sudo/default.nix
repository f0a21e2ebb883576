# The agents' sudo: one rule for one root-owned helper, its configuration, and the shim in front.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (import ../lib/sudo.nix {inherit lib;}) helperOf ruleFor sudoJson;
  cfg = config.nuketown;
  agents = lib.filterAttrs (_: agent: agent.sudo.shim != null) cfg.localAgents;
  names = builtins.attrNames agents;
  rules = map (ruleFor (helperOf cfg.sudo.package)) names;
in {
  imports = [./path.nix];

  config = lib.mkIf (agents != {}) {
    # Whichever of the two is on; a rule of the other one is written nowhere.
    security.sudo.extraRules = rules;
    security.sudo-rs.extraRules = rules;

    # A file of root's own, no link: with a mode it is copied.
    environment.etc."nuketown/sudo.json" = {
      source = (pkgs.formats.json {}).generate "sudo.json" (sudoJson {
        inherit names;
        brokerUser = cfg.broker.user;
        inherit (cfg.sudo) securePath;
        timeouts =
          [cfg.broker.timeout]
          ++ lib.filter (timeout: timeout != null) (
            lib.mapAttrsToList (_: agent: agent.sudo.timeout) agents
          );
      });
      mode = "0644";
    };
  };
}
