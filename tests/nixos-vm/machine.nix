# Every machine of the stories: it knows the town's server and has the secrets that its configuration
# wants. The password of an account is its name and "-secret".
{
  config,
  lib,
  pkgs,
  ...
}: {
  imports = [
    ./model.nix
    ./phone.nix
    ./server.nix
  ];

  options.town.server = lib.mkOption {
    type = lib.types.str;
    default = "127.0.0.1";
    description = "Address of the machine with the chat server.";
  };

  config = {
    virtualisation = {
      cores = 2;
      memorySize = lib.mkDefault 2048;
    };
    networking.domain = "town.example";
    environment.etc."town.pem".source = "${pkgs.callPackage ./certificate.nix {}}/cert.pem";

    home-manager.useGlobalPkgs = true;

    nuketown = {
      humanJid = "josh@town.example";
      humanName = "Josh";
      humanEmail = "josh@town.example";
      secrets.backend = "files";
      xmpp = {
        host = config.town.server;
        port = 5222;
        caFile = "/etc/town.pem";
      };
    };

    # What a person would put there by hand.
    systemd.tmpfiles.settings."00-town-secrets" = lib.mapAttrs' (name: _:
      lib.nameValuePair "${config.nuketown.secrets.directory}/${name}" {
        f = {
          mode = "0400";
          argument = "${dirOf name}-secret";
        };
      })
    config.nuketown.secrets.wanted;
  };
}
