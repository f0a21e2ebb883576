# The daemon: its files, read by itself before they are taken, and its service.
{
  agent,
  config,
  lib,
  osConfig,
  pkgs,
  town,
  ...
}: let
  inherit (import ../../lib/daemon-toml.nix {inherit lib;}) daemonFiles;
  toml = pkgs.formats.toml {};

  claude =
    if !agent.claudeCode.enable
    then null
    else if agent.claudeCode.package != null
    then lib.getExe agent.claudeCode.package
    # Something else puts it there.
    else "${config.home.profileDirectory}/bin/claude";

  files = daemonFiles {
    inherit agent claude town;
    host = osConfig.networking.hostName;
    inherit (town.secrets) pathOf;
  };
  wanted =
    if agent.daemon.enable
    then files
    else {inherit (files) identity;};
  generated = builtins.mapAttrs (name: toml.generate "${name}.toml") wanted;

  # A mistake ends the build, with the daemon's own sentence.
  checked =
    if agent.daemon.enable
    then
      pkgs.runCommandLocal "nuketown-configuration-${agent.name}" {
        files = builtins.attrValues generated;
        names = builtins.attrNames generated;
        program = lib.getExe' agent.daemon.package "nuketown-daemon";
      } (builtins.readFile ./check-configuration.sh)
    else null;
in {
  imports = [./service.nix];

  _module.args.daemonConfiguration = checked;

  xdg.configFile = lib.mapAttrs' (name: file:
    lib.nameValuePair "nuketown/${name}.toml" {
      source =
        if checked == null
        then file
        else "${checked}/${name}.toml";
    })
  generated;
}
