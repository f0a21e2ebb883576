# What every agent's profile has. Arguments beside home-manager's own: `agent`, its options, and `town`,
# config.nuketown.
{
  imports = [
    ./base.nix
    ./claude-code
    ./daemon
    ./git.nix
    ./identity.nix
    ./keys
  ];
}
