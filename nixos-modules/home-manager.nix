# The agents' home-manager profiles: ./home, and what extraHomeConfig adds to it.
{
  config,
  lib,
  options,
  utils,
  ...
}: let
  cfg = config.nuketown;
  agents = cfg.localAgents;

  # By imports, so that lists are added to: packages of extraHomeConfig come beside ours.
  profileOf = _: agent: {
    imports = [./home agent.extraHomeConfig];
    _module.args = {
      inherit agent;
      town = cfg;
    };
  };

  # Files that an adopted account has already are moved aside. For the agents alone: what happens to the
  # files of people is theirs to say.
  backup = name: _:
    lib.nameValuePair "home-manager-${utils.escapeSystemdPath name}" {
      environment.HOME_MANAGER_BACKUP_EXT = lib.mkDefault "before-nuketown";
    };
in {
  config = lib.mkMerge [
    {
      assertions = [
        {
          assertion = agents == {} || options ? home-manager;
          message = ''
            nuketown.agents: an agent's home is made by home-manager, which is not here: import
            home-manager.nixosModules.home-manager beside nuketown.nixosModules.default.
          '';
        }
      ];
    }
    # Without home-manager there is no such option to set.
    (lib.optionalAttrs (options ? home-manager) {
      home-manager.users = builtins.mapAttrs profileOf agents;
      systemd.services = lib.mkIf (!config.home-manager.startAsUserService) (lib.mapAttrs' backup agents);
    })
  ];
}
