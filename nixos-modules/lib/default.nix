# The pure functions: no packages, no system, no effects. Each file holds one group of them.
{lib}: {
  agents = import ./agents.nix {inherit lib;};

  # By the names that flakes of agents know them by; the second is the old one.
  coding-rules = import ./agents/coding-rules.nix {inherit lib;};
  opencode-rules = import ./agents/coding-rules.nix {inherit lib;};

  brokerToml = import ./broker-toml.nix {inherit lib;};
  daemonToml = import ./daemon-toml.nix {inherit lib;};
  identity = import ./identity.nix {inherit lib;};
  membership = import ./membership.nix {inherit lib;};
  persist = import ./persist.nix {inherit lib;};
  prompt = import ./prompt.nix {inherit lib;};
  secrets = import ./secrets.nix {inherit lib;};
  sudo = import ./sudo.nix {inherit lib;};
  sudoers = import ./sudoers.nix {inherit lib;};
  teammates = import ./teammates.nix {inherit lib;};
  types = import ./types.nix {inherit lib;};
  udev = import ./udev.nix {inherit lib;};
  uid = import ./uid.nix {inherit lib;};
}
