# The agents' own sudo before all others, however a program of theirs begins.
#
# /run/wrappers/bin with the system's sudo is put first by /etc/set-environment (every shell that
# begins anew) and by /etc/environment.d (the user's service manager). So the shim is put before it
#  - for login shells, and so for tmux, ssh and machinectl: by ~/.profile,
#  - for interactive shells and those that ssh starts: by ~/.bashrc,
#  - for the service manager, and all that it starts: by environment.d, after NixOS's own file.
# What these start (`bash -c`, scripts, sessions) inherits it.
{
  config,
  lib,
  options,
  pkgs,
  ...
}: let
  agents = lib.filterAttrs (_: agent: agent.sudo.shim != null) config.nuketown.localAgents;

  homeOf = _: agent: let
    directory = "${agent.sudo.shim}/bin";
    first = pkgs.replaceVars ./path.sh {inherit directory;};
    # After what home-manager and other modules write there: the last word is first in PATH.
    last = lib.mkOrder 2000 ". ${first}\n";
  in {
    programs.bash = {
      enable = true;
      bashrcExtra = last;
      profileExtra = last;
    };
    # environment.d(5): in the order of the names, and /etc/environment.d/50-systemd-path.conf sets it.
    xdg.configFile."environment.d/90-nuketown-sudo.conf".text = "PATH=${directory}:$PATH\n";
  };
in {
  # Without home-manager there is no such option to set; the assertions ask for it.
  config = lib.optionalAttrs (options ? home-manager) {
    home-manager.users = builtins.mapAttrs homeOf agents;
  };
}
