# Claude Code is unfree in nixpkgs, whose own message would name neither option.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  agents = lib.filterAttrs (_: agent: agent.claudeCode.enable && agent.claudeCode.package != null) cfg.localAgents;
in {
  config.assertions = lib.mapAttrsToList (name: agent: {
    assertion = (builtins.tryEval agent.claudeCode.package.outPath).success;
    message = ''
      nuketown.agents.${name}.claudeCode.package: nixpkgs refuses it, because it is unfree. Allow it:
      nixpkgs.config.allowUnfreePredicate = package: builtins.elem (lib.getName package) [ "claude-code" ];
      or set nuketown.agents.${name}.claudeCode.package to another package, or to null.
    '';
  })
  agents;
}
