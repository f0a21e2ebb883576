# A tier that an agent is to run on is one that the cluster's administrator defined.
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
in {
  config.assertions = map ({
    option,
    tier,
  }: {
    assertion = builtins.elem tier tiers;
    message = ''
      ${option}: there is no tier "${tier}" in nuketown.cloud.tiers. Define it there, or take one of
      ${lib.concatStringsSep ", " tiers}.
    '';
  }) (lib.concatLists (lib.mapAttrsToList named cloudAgents));
}
