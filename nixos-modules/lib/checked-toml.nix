# broker.toml, read by the broker itself before it is taken: a mistake ends the build, with its sentence.
{
  pkgs,
  package,
  settings,
}: let
  inherit (pkgs) lib;
in
  pkgs.runCommandLocal "broker.toml" {
    file = (pkgs.formats.toml {}).generate "broker.toml" settings;
    # Not the package's other programs: only the one that will read it.
    program = lib.getExe' package "nuketown-broker";
  } (builtins.readFile ./check-broker-toml.sh)
