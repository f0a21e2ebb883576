# The nuketown command, for the people of this machine: to ask, to answer, to look (docs/cli.md).
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
in {
  config.environment.systemPackages = lib.mkIf (cfg.localAgents != {}) [cfg.broker.package];
}
