# What is to survive lies below the agent's home.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/persist.nix {inherit lib;}) isBelowHome;
  cfg = config.nuketown;
  wrong = lib.concatMap (agent:
    map (path: {inherit agent path;}) (lib.filter (path: !isBelowHome path) agent.persist)) (
    builtins.attrValues cfg.enabledAgents
  );
in {
  config.assertions =
    map ({
      agent,
      path,
    }: {
      assertion = false;
      message = ''
        nuketown.agents.${agent.name}.persist: ${builtins.toJSON path} is not below its home. Write it relative to
        the home, without "..": for example "projects" or ".config/claude".
      '';
    })
    wrong;
}
