{
  imports = [
    ./agents.nix
    ./broker.nix
    ./cloud.nix
    ./ephemeral.nix
    ./persistence.nix
    ./roster.nix
    ./secrets.nix
    ./sudo.nix
    ./town.nix
    ./xmpp.nix
  ];
}
