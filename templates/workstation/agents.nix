# Before the first switch there are to be, with a line of text each:
#   /var/lib/nuketown-secrets/ada/email-password        ada's chat account
#   /var/lib/nuketown-secrets/ada/anthropic-api-key     what her headless sessions are billed to
#   /var/lib/nuketown-secrets/approvals/email-password  the broker's chat account
# The two accounts are made on your chat server. docs/install.md goes on from here.
{
  nuketown = {
    humanUser = "josh";
    projectDirs = ["~/dev"];
    secrets.backend = "files"; # or "sops", "agenix"

    agents.ada = {
      role = "software";
      description = "Software collaborator on this machine.";
      portal.enable = true; # `portal-ada`: tmux, side by side
      sudo.enable = true; # every command asks you, at the desk and on the phone
      xmpp.enable = true; # ada@example.org
      daemon = {
        enable = true;
        apiKeySecret = "ada/anthropic-api-key";
        repos.hello.url = "https://github.com/octocat/Hello-World.git";
      };
    };
  };
}
