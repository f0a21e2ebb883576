# A tier that an agent is to run on is one that the cluster's administrator defined; what a pod has not is said.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  tiers = builtins.attrNames cfg.cloud.tiers;
  cloudAgents = lib.filterAttrs (_: agent: agent.deploymentModel == "cloud") cfg.enabledAgents;
  named = name: agent: [
    {
      option = "nuketown.agents.${name}.cloud.resources";
      tier = agent.cloud.resources;
    }
    {
      option = "nuketown.agents.${name}.cloud.scaling.maxResources";
      tier = agent.cloud.scaling.maxResources;
    }
  ];

  # Hardware and desks stay where they are.
  leftOut = agent:
    lib.optional agent.portal.enable "portal"
    ++ lib.optional (agent.devices != []) "devices"
    ++ lib.optional agent.sudo.enable "sudo";
in {
  config = {
    warnings = lib.concatLists (lib.mapAttrsToList (name: agent:
      map (part: ''
        nuketown.agents.${name}.${part}: a cloud agent has none, so it is left out:
        nuketown.agents.${name}.cloud.enable makes a pod of it.
      '') (leftOut agent))
    cloudAgents);

    assertions = map ({
      option,
      tier,
    }: {
      assertion = builtins.elem tier tiers;
      message = ''
        ${option}: there is no tier "${tier}" in nuketown.cloud.tiers. Define it there, or take one of
        ${lib.concatStringsSep ", " tiers}.
      '';
    }) (lib.concatLists (lib.mapAttrsToList named cloudAgents));
  };
}
