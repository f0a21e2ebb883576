# The router of the home network.
{
  imports = [
    ../town/device.nix
    ./hardware.nix
  ];

  networking.hostName = "gateway";

  nuketown.agents.gateway = {
    role = "network";
    description = ''
      Home network gateway. WireGuard tunnels, nftables firewall,
      DHCP/DNS for local network.
    '';
    daemon.enable = true;
    xmpp.enable = true;
  };
}
