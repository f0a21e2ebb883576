# Before the first switch there are to be, with a line of text each:
#   /var/lib/nuketown-secrets/attic/email-password            the agent's chat account
#   /var/lib/nuketown-secrets/attic/anthropic-api-key         what its sessions are billed to
#   /var/lib/nuketown-secrets/approvals-attic/email-password  its broker's chat account
# The two accounts are made on your chat server. docs/install.md goes on from here.
{
  nuketown = {
    # Nobody sits here: what asks, asks this address.
    humanJid = "josh@example.org";
    humanName = "Josh";
    humanEmail = "josh@example.org";
    secrets.backend = "files"; # or "sops", "agenix"

    # The machine is the agent. Without `portal` it is a device.
    agents.attic = {
      role = "server";
      description = "Backups and the media library, in the attic.";
      xmpp.enable = true; # attic@example.org
      daemon = {
        enable = true;
        apiKeySecret = "attic/anthropic-api-key";
      };
      sudo = {
        enable = true;
        # These run without asking; all else waits for your yes.
        preApproved = [
          "journalctl *"
          "systemctl restart jellyfin"
        ];
      };
    };
  };
}
