# What a configuration is told when it cannot be built, or should be thought over:
# {assertions = [sentences of the failed ones]; warnings = [sentences];}. Takes what nixos.nix takes.
arguments: let
  inherit ((import ./nixos.nix arguments).config) assertions warnings;
in {
  inherit warnings;
  assertions = map (failed: failed.message) (builtins.filter (one: !one.assertion) assertions);
}
