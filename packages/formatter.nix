# `nix fmt`: alejandra, for the whole tree where no file is named.
{
  alejandra,
  writeShellApplication,
}:
writeShellApplication {
  name = "format";
  runtimeInputs = [alejandra];
  text = ''
    [[ $# -gt 0 ]] || set -- .
    exec alejandra --quiet "$@"
  '';
}
