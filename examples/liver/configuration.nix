# The mail and chat server, which is its own agent: routine work is approved here, for all else it asks.
{
  imports = [
    ../town/device.nix
    ./hardware.nix
  ];

  networking.hostName = "liver";

  nuketown = {
    # liver is the chat server: without this key, one yes to root there could forge the next.
    broker.approverKey = "mDpqQZ9cXw3q5kRrVnqjOqOlDC3ZtIhTPaUj7iqTDdA=";

    agents.liver = {
      role = "server";
      description = ''
        Prosody XMPP server, dovecot mail, DNS for 6bit.com.
        Runs on Hetzner VPS. NixOS managed via mynix flake.
      '';
      daemon.enable = true;
      xmpp.enable = true;
      sudo = {
        enable = true;
        preApproved = [
          "systemctl restart *"
          "journalctl *"
          "certbot renew"
        ];
      };
    };
  };
}
