# The pure functions: no packages, no system, no effects. Each file holds one group of them.
{lib}: {
  daemonToml = import ./daemon-toml.nix {inherit lib;};
  identity = import ./identity.nix {inherit lib;};
  prompt = import ./prompt.nix {inherit lib;};
  teammates = import ./teammates.nix {inherit lib;};
  types = import ./types.nix {inherit lib;};
  uid = import ./uid.nix {inherit lib;};
}
