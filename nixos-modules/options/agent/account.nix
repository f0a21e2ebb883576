# Who it is, and its account: enable, uid, role, description, packages, persist, extraHomeConfig.
{
  config,
  lib,
  name,
  town,
  host,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) homePath line;
  identity = import ../../lib/identity.nix {inherit lib;};
  inherit (import ../../lib/uid.nix {inherit lib;}) uidOf;
in {
  options = {
    enable = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether this agent exists. Its home is kept when it is switched off.";
    };

    name = mkOption {
      type = types.str;
      default = name;
      readOnly = true;
      internal = true;
      description = "Its user name.";
    };

    displayName = mkOption {
      type = line;
      default = identity.displayName name;
      defaultText = lib.literalMD "the name with a capital letter";
      example = "Ada";
      description = "How it is called in prompts.";
    };

    uid = mkOption {
      type = types.ints.between 1000 60000;
      default = uidOf name;
      defaultText = lib.literalMD "from the name, between 20000 and 29999, the same on every host";
      example = 1100;
      description = ''
        Its uid, and its group's gid. Set it to adopt an account that exists: home and files stay as they
        are.
      '';
    };

    role = mkOption {
      type = types.strMatching "[^[:cntrl:]]{1,64}";
      default = "general";
      example = "software";
      description = "What it is there for, in a word.";
    };

    description = mkOption {
      type = types.lines;
      default = "";
      example = ''
        Software collaborator on signi. Works with josh on embedded systems, NixOS configuration, and web
        projects.
      '';
      description = "What it knows of itself, in its prompt; and what its teammates are told.";
    };

    packages = mkOption {
      type = types.listOf types.package;
      default = [];
      example = literalExpression "with pkgs; [ gcc-arm-embedded dfu-util ]";
      description = "Its tools, beside {option}`nuketown.basePackages`.";
    };

    persist = mkOption {
      type = types.listOf homePath;
      default = ["projects"];
      # The keys that it made and registered itself have to be there after the next boot.
      apply = paths:
        lib.unique (paths ++ lib.optionals config.github.enable [".ssh" ".gnupg"]);
      example = ["projects" ".config/claude"];
      description = ''
        Directories below its home that survive a rollback of the homes, and become volumes in a cluster.
      '';
    };

    extraHomeConfig = mkOption {
      type = types.deferredModule;
      default = {};
      example = literalExpression ''{ programs.neovim = { enable = true; vimAlias = true; }; }'';
      description = ''
        A home-manager module, or the attributes of one, merged with what is generated: lists are added to.
      '';
    };

    home = mkOption {
      type = types.str;
      readOnly = true;
      default = "${town.agentsDir}/${name}";
      defaultText = lib.literalMD "`agentsDir/<name>`";
      description = "Its home directory.";
    };

    deploymentModel = mkOption {
      type = types.enum ["workstation" "device" "cloud"];
      readOnly = true;
      default =
        if config.cloud.enable
        then "cloud"
        else if config.portal.enable
        then "workstation"
        else "device";
      defaultText = lib.literalMD "cloud.enable → cloud; else portal.enable → workstation; else device";
      description = ''
        How it lives, which follows from what is enabled. A workstation's agent is the human's collaborator,
        a device's agent is the machine, a cloud agent is its role.
      '';
    };

    identity = mkOption {
      type = types.attrsOf types.unspecified;
      internal = true;
      readOnly = true;
      default = identity.mkIdentity {
        inherit town host;
        agent = config;
      };
      description = "The facts about it, computed once.";
    };
  };
}
