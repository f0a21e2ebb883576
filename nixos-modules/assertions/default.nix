# What can't be, refused when it is evaluated: each sentence names the option and the remedy.
{
  imports = [
    ./accounts.nix
    ./broker.nix
    ./chat-server.nix
    ./cloud.nix
    ./definitions.nix
    ./devices.nix
    ./github.nix
    ./groups.nix
    ./modules.nix
    ./nix-trust.nix
    ./other-rules.nix
    ./packages.nix
    ./people.nix
    ./persist.nix
    ./secrets.nix
    ./sudo.nix
    ./uids.nix
    ./xmpp.nix
  ];
}
