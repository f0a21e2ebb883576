# One uid is one agent: files, sockets and requests are told apart by it.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  agents = builtins.attrValues cfg.localAgents;
  sharing = builtins.attrValues (
    lib.filterAttrs (_: group: builtins.length group > 1) (lib.groupBy (agent: toString agent.uid) agents)
  );
  otherUsers = removeAttrs config.users.users (map (agent: agent.name) agents);
  taken = agent:
    builtins.attrNames (lib.filterAttrs (_: user: (user.uid or null) == agent.uid) otherUsers);
in {
  config.assertions =
    map (group: {
      assertion = false;
      message = ''
        ${lib.concatMapStringsSep " and " (agent: "nuketown.agents.${agent.name}.uid") group} are all
        ${toString (builtins.head group).uid}: one uid stands for one agent. Give each its own.
      '';
    })
    sharing
    ++ lib.concatMap (agent:
      map (user: {
        assertion = false;
        message = ''
          nuketown.agents.${agent.name}.uid: ${toString agent.uid} is also users.users.${user}.uid. Give it a free
          one; to adopt that account, name the agent ${user}.
        '';
      }) (taken agent))
    agents;
}
