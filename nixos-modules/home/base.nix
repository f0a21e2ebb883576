# The common ground: tools, shell, tmux, and what it is told of itself.
{
  agent,
  lib,
  osConfig,
  town,
  ...
}: {
  home = {
    # Weaker than what another module takes for its default.
    stateVersion = lib.mkOverride 1100 osConfig.system.stateVersion;
    packages = town.basePackages ++ agent.packages ++ lib.optional agent.daemon.enable agent.daemon.package;
    file = {
      "Claude/PROMPT.md".text = agent.promptText;
      # Claude Code reads this one in every session of the account.
      ".claude/CLAUDE.md".text = agent.promptText;
    };
  };

  xdg.enable = true;

  programs = {
    bash.enable = true;
    direnv = {
      enable = true;
      nix-direnv.enable = true;
    };
    tmux = {
      enable = true;
      # In XDG_RUNTIME_DIR login shells would look for another server than the one which the daemon and
      # the portal use.
      secureSocket = false;
      historyLimit = lib.mkDefault 50000;
      terminal = lib.mkDefault "tmux-256color";
    };
  };

  # It reads man pages of programs, not home-manager's own; those cost time for every agent.
  manual.manpages.enable = lib.mkDefault false;
}
