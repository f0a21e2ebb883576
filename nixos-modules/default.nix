# nuketown.*: options and what they generate, one concern a file.
{
  imports = [
    ./assertions
    ./broker
    ./devices.nix
    ./home-manager.nix
    ./limits.nix
    ./migration.nix
    ./options
    ./persistence
    ./secrets
    ./sudo
    ./users.nix
  ];
}
