# Its name on commits, and its signature.
{
  agent,
  config,
  lib,
  ...
}: let
  inherit (agent) git secrets;
  format = git.signingFormat;
  ownKey =
    if format == "ssh"
    then secrets.sshKey
    else secrets.gpgKey;
  # Keys that it makes itself are told to git by the service that makes them, once they are there.
  signs = format != null && (ownKey != null || !agent.github.enable);
in {
  programs.git = {
    enable = true;
    settings = {
      user = {
        inherit (git) name email;
      };
      init.defaultBranch = lib.mkDefault "main";
      # Written by nuketown-keys: the public key is known when the private one is there.
      gpg.ssh.allowedSignersFile = lib.mkIf (signs && format == "ssh") "${config.xdg.configHome}/git/allowed_signers";
    };
    signing = lib.mkIf signs {
      format =
        if format == "ssh"
        then "ssh"
        else "openpgp";
      # Without the brackets GnuPG takes a part of any name for a match.
      key =
        if format == "ssh"
        then "${config.home.homeDirectory}/.ssh/id_ed25519"
        else "<${git.email}>";
      signByDefault = true;
    };
  };
}
