# Who lives in the town, the same on every machine: teammates in prompts, peers in chat, and, for the broker
# on signi, whose requests it may put before josh.
{
  ada = {
    host = "signi";
    role = "software";
    description = "Software collaborator on signi.";
  };
  liver = {
    host = "liver";
    role = "server";
    description = "Prosody XMPP server, dovecot mail, DNS for 6bit.com.";
    brokerJid = "approvals-liver@6bit.com";
  };
  gateway = {
    host = "gateway";
    role = "network";
    description = "Home network gateway: WireGuard, nftables, DHCP and DNS.";
    brokerJid = "approvals-gateway@6bit.com";
  };
  printer = {
    host = "printer";
    role = "fabrication";
    description = "Raspberry Pi running Klipper for the Ender 3.";
    brokerJid = "approvals-printer@6bit.com";
  };
}
