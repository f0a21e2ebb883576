# Keys and other secrets, where programs look for them: links to files that exist at run time only.
{
  agent,
  config,
  lib,
  osConfig,
  pkgs,
  ...
}: let
  inherit (agent.secrets) extraSecrets gpgKey sshKey;
  inherit (osConfig.nuketown.secrets) pathOf;
  linkTo = secret: {source = config.lib.file.mkOutOfStoreSymlink (pathOf secret);};

  prepare = pkgs.writeShellApplication {
    name = "nuketown-keys";
    runtimeInputs = [pkgs.coreutils pkgs.gawk pkgs.git pkgs.gnupg pkgs.openssh];
    text = builtins.readFile ./prepare-keys.sh;
  };
in {
  home.file = lib.mkIf (sshKey != null) {".ssh/id_ed25519" = linkTo sshKey;};

  home.packages = lib.optional (gpgKey != null) pkgs.gnupg;

  xdg.configFile = lib.mapAttrs' (name: secret:
    lib.nameValuePair "nuketown/secrets/${name}" (linkTo secret))
  extraSecrets;

  systemd.user.services = lib.mkIf (sshKey != null || gpgKey != null) {
    nuketown-keys = {
      Unit = {
        Description = "Keys of ${agent.name}, for ssh, GnuPG and git";
        Before = ["nuketown-daemon.service"];
      };
      Service = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = lib.getExe prepare;
        Environment =
          lib.optional (sshKey != null) "NUKETOWN_SSH_KEY=${pathOf sshKey}"
          ++ lib.optional (gpgKey != null) "NUKETOWN_GPG_KEY=${pathOf gpgKey}";
        UMask = "0077";
      };
      Install.WantedBy = ["default.target"];
    };
  };
}
