# The Nix of the tree as alejandra, statix and deadnix want it; `./dev lint` calls the same.
{
  alejandra,
  deadnix,
  runCommand,
  source,
  statix,
}:
runCommand "nuketown-nix-format" {
  inherit source;
  nativeBuildInputs = [
    alejandra
    deadnix
    statix
  ];
} ''
  cd $source
  alejandra --check --quiet .
  statix check .
  deadnix --fail .
  touch $out
''
