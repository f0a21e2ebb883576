# On a workstation the broker is a service of the human, from boot on: with or without a screen.
{
  config,
  lib,
  options,
  ...
}: let
  cfg = config.nuketown;
  human = cfg.humanUser;
  isOn = cfg.broker.enable && cfg.broker.role == "workstation" && human != null;
in {
  config = lib.mkMerge [
    (lib.mkIf isOn {
      # The phone still answers when nobody is logged in.
      users.users.${human}.linger = lib.mkDefault true;

      systemd.tmpfiles.settings.nuketown."/run/nuketown/broker".d = {
        mode = "0755";
        user = human;
        group = config.users.users.${human}.group;
      };
    })

    # Without home-manager there is no such option to set; the assertions ask for it.
    (lib.optionalAttrs (options ? home-manager) {
      home-manager.users = lib.mkIf isOn {
        ${human} = {
          imports = [../home/approval-broker.nix];
          home.stateVersion = lib.mkDefault config.system.stateVersion;
          nuketown.approvalBroker = {
            enable = lib.mkDefault true;
            inherit (cfg.broker) package;
            settings = cfg.broker.toml;
          };
        };
      };
    })
  ];
}
