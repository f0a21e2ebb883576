# What a configuration puts onto its machine, really built, and where: for a container that is no NixOS.
# Accounts, units, rules, homes and profiles as data, every file as a path of the store.
#
#   import ./installed.nix {modules = [../../examples/signi/configuration.nix];}
{modules}: let
  pkgs = import ./stand-in-packages.nix {};
  inherit (pkgs) lib;
  inherit
    (import ./nixos.nix {
      inherit pkgs;
      # What every NixOS has is compiled programs; the container brings its own.
      modules = modules ++ [{environment.corePackages = lib.mkForce [];}];
    })
    config
    ;

  homes = config.home-manager.users;
  names = builtins.attrNames homes ++ lib.optional (config.users.users ? nuketown-broker) "nuketown-broker";

  account = name: let
    user = config.users.users.${name};
  in {
    inherit name;
    inherit (user) home homeMode isSystemUser linger uid;
    # /etc/profiles/per-user/<name>, as NixOS puts it together.
    profile = pkgs.buildEnv {
      name = "user-environment";
      paths = user.packages;
      inherit (config.environment) pathsToLink;
      ignoreCollisions = true;
    };
    files = (homes.${name} or {home-files = null;}).home-files;
  };

  etc = path: {
    inherit path;
    inherit (config.environment.etc.${path}) mode source;
  };

  # Ours, and the limits of the agents' slices.
  ours = unit: lib.hasPrefix "nuketown" unit || builtins.match "user-[0-9]+\\.slice" unit != null;
in
  pkgs.writeText "machine.json" (builtins.toJSON {
    inherit (config.networking) hostName;
    accounts = map account names;
    # What of the system's profile is ours.
    system = pkgs.buildEnv {
      name = "system-path";
      paths = builtins.filter (package: lib.hasPrefix "nuketown" (package.name or "")) config.environment.systemPackages;
    };
    etc =
      map etc (builtins.filter (path: config.environment.etc ? ${path}) [
        "nuketown/broker.toml"
        "nuketown/sudo.json"
        "polkit-1/rules.d/10-nixos.rules"
        "sudoers"
      ]);
    tmpfiles = builtins.filter (package: lib.hasPrefix "nuketown" (package.name or "")) config.systemd.tmpfiles.packages;
    units = map (unit: "${config.systemd.units.${unit}.unit}") (builtins.filter ours (builtins.attrNames config.systemd.units));
  })
