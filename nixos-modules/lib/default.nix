# The pure functions: no packages, no system, no effects. Each file holds one group of them.
{lib}: {
  identity = import ./identity.nix {inherit lib;};
  types = import ./types.nix {inherit lib;};
  uid = import ./uid.nix {inherit lib;};
}
