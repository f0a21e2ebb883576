# Side by side with the human: portal.*.
{lib, ...}: let
  inherit (lib) literalExpression mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) portalLayout;
in {
  options.portal = {
    enable = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Give the human {command}`portal-<name>`: a tmux window with their shell on the left and the agent on
        the right. This makes it a workstation's agent.
      '';
    };

    command = mkOption {
      type = types.nullOr (types.either types.str (types.nonEmptyListOf types.str));
      default = null;
      example = literalExpression ''[ "claude" "--permission-mode" "bypassPermissions" ]'';
      description = ''
        What runs in its pane: words, or a line that is split at spaces; null: the agent's Claude Code. The
        daemon adds its options and the prompt.
      '';
    };

    layout = mkOption {
      type = portalLayout;
      default = "50/50";
      example = "60/40";
      description = "Shares of the window: the agent's, on the right, and yours, on the left.";
    };
  };
}
