# One encrypted file for the town, one host key per machine. Make it with: sops examples/town/secrets.yaml
# The names below are all that is in it: <agent>/email-password, <agent>/anthropic-api-key,
# approvals/email-password, approvals-<device>/email-password.
{
  config,
  lib,
  ...
}: {
  sops = {
    age.sshKeyPaths = ["/etc/ssh/ssh_host_ed25519_key"];
    # This example has no encrypted file to look into.
    validateSopsFiles = false;
  };

  nuketown = {
    sopsFile = "/etc/nuketown/secrets.yaml";
    agents = lib.genAttrs (builtins.attrNames config.nuketown.roster) (name: {
      enable = lib.mkDefault (config.nuketown.roster.${name}.host == config.networking.hostName);
      daemon.apiKeySecret = "${name}/anthropic-api-key";
    });
  };
}
