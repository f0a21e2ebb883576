# From the names of secrets to files: who wants which, and where each lies at run time.
{
  config,
  lib,
  ...
}: let
  inherit (import ../lib/secrets.nix {inherit lib;}) ageName agentSecrets brokerSecrets isPath;
  cfg = config.nuketown;
  # The account may be missing; the assertions ask for it.
  groupOf = account: config.users.users.${account}.group or "users";

  ofAgents = lib.concatMap (agent:
    map (wanted:
      wanted
      // {
        owner = agent.name;
        group = agent.name;
      }) (agentSecrets agent)) (builtins.attrValues cfg.localAgents);

  ofBroker =
    map (wanted:
      wanted
      // {
        owner = cfg.broker.user;
        group = groupOf cfg.broker.user;
      }) (brokerSecrets cfg.broker);

  readers = ofAgents ++ ofBroker;
in {
  imports = [
    ./agenix.nix
    ./files.nix
    ./sops.nix
  ];

  config.nuketown.secrets = {
    inherit readers;

    backend = lib.mkIf (cfg.sopsFile != null) (lib.mkDefault "sops");

    # Where two accounts name one secret, the assertions say so; the first of them stands here.
    wanted = builtins.listToAttrs (map ({
      secret,
      owner,
      group,
      ...
    }: {
      name = secret;
      value = {inherit owner group;};
    }) (lib.filter (reader: !isPath reader.secret) readers));

    pathOf = secret:
      if isPath secret
      then secret
      else if cfg.secrets.backend == "sops"
      then config.sops.secrets.${secret}.path
      else if cfg.secrets.backend == "agenix"
      then config.age.secrets.${ageName secret}.path
      # Without a backend the assertions refuse every name; nothing is built from this.
      else "${cfg.secrets.directory}/${secret}";
  };
}
