# What keeps it alive: daemon.*.
{
  config,
  lib,
  name,
  pkgs,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) secretName;
  dollars = types.addCheck (types.either types.int types.float) (amount: amount > 0) // {description = "US dollars, more than 0";};
in {
  options.daemon = {
    enable = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Run its daemon, from boot on, as a user service of its account.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.nuketown or (pkgs.callPackage ../../../packages/nuketown.nix {});
      defaultText = literalExpression "pkgs.nuketown";
      example = literalExpression "inputs.nuketown.packages.\${pkgs.system}.nuketown";
      description = "Package with {command}`nuketown-daemon` and {command}`nuketown`.";
    };

    bootstrapModel = mkOption {
      type = types.str;
      default = "claude-haiku-4-5-20251001";
      example = "claude-haiku-4-5-20251001";
      description = "Model that prepares a workspace where git alone can't.";
    };

    headlessModel = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "claude-sonnet-5";
      description = "Model of headless sessions; null: the harness's default.";
    };

    apiKeySecret = mkOption {
      type = types.nullOr secretName;
      default = null;
      example = "${name}/anthropic-api-key";
      description = ''
        Its Anthropic API key: name of a secret, or absolute path of a file outside the Nix store. null: the
        harness's own login.
      '';
    };

    repos = mkOption {
      type = types.attrsOf (types.submodule {
        options = {
          url = mkOption {
            type = types.str;
            example = "git@github.com:joshperry/nuketown.git";
            description = "Its remote.";
          };
          branch = mkOption {
            type = types.nullOr types.str;
            default = null;
            example = "main";
            description = "Branch to begin on; null: the remote's.";
          };
        };
      });
      default = {};
      example.nuketown.url = "git@github.com:joshperry/nuketown.git";
      description = "Repositories that it knows: hints, not an exhaustive list.";
    };

    headlessTimeout = mkOption {
      type = types.ints.positive;
      default = 14400;
      example = 3600;
      description = "Seconds that a headless session may take.";
    };

    budget = {
      perTask = mkOption {
        type = types.nullOr dollars;
        default = null;
        example = 5;
        description = "US dollars that one task may cost; null: no limit.";
      };
      perDay = mkOption {
        type = types.nullOr dollars;
        default = null;
        example = 20;
        description = "US dollars that a day may cost; null: no limit.";
      };
    };

    mode = mkOption {
      type = types.enum ["interactive" "headless"];
      default =
        if config.portal.enable
        then "interactive"
        else "headless";
      defaultText = lib.literalMD "interactive with a portal, headless without";
      example = "headless";
      description = "How a task runs that does not say: in tmux, or alone.";
    };

    settings = mkOption {
      type = types.attrsOf types.anything;
      default = {};
      example = {session.permission_mode = "bypassPermissions";};
      description = "Further keys of {file}`daemon.toml` (docs/configuration.md), over what is generated.";
    };

    mail = {
      enable = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Accepted for configurations of the prototype: the daemon does not read mail yet.";
      };
      host = mkOption {
        type = types.str;
        default = "";
        example = "imap.example.org";
        description = "IMAP server; without effect so far.";
      };
      port = mkOption {
        type = types.port;
        default = 993;
        example = 993;
        description = "Its port; without effect so far.";
      };
      username = mkOption {
        type = types.str;
        default = "";
        example = "ada";
        description = "Account there; without effect so far.";
      };
      passwordSecret = mkOption {
        type = types.nullOr secretName;
        default = null;
        example = "ada/email-password";
        description = "Its password; without effect so far.";
      };
      mailbox = mkOption {
        type = types.str;
        default = "INBOX";
        example = "INBOX";
        description = "Mailbox to watch; without effect so far.";
      };
    };
  };
}
