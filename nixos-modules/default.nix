# nuketown.*: options and what they generate, one concern a file.
{
  imports = [
    ./assertions
    ./broker
    ./command.nix
    ./devices.nix
    ./ephemeral
    ./home-manager.nix
    ./limits.nix
    ./migration.nix
    ./options
    ./persistence
    ./portal
    ./secrets
    ./sudo
    ./users.nix
  ];
}
