# nuketown.agents: each part of an agent is a file of ./agent.
{
  config,
  lib,
  pkgs,
  ...
}: let
  inherit (lib) mkOption types;
  inherit (import ../lib/types.nix {inherit lib;}) agentName;
  cfg = config.nuketown;
in {
  options.nuketown = {
    agents = mkOption {
      type = types.attrsOf (types.submoduleWith {
        shorthandOnlyDefinesConfig = true;
        specialArgs = {
          inherit pkgs;
          town = cfg;
          host = config.networking.hostName;
        };
        modules = [
          ./agent/account.nix
          ./agent/claude-code.nix
          ./agent/cloud.nix
          ./agent/daemon.nix
          ./agent/definition.nix
          ./agent/devices.nix
          ./agent/git.nix
          ./agent/github.nix
          ./agent/limits.nix
          ./agent/portal.nix
          ./agent/prompt.nix
          ./agent/secrets.nix
          ./agent/sudo.nix
          ./agent/xmpp.nix
        ];
      });
      default = {};
      example.ada = {
        uid = 1100;
        role = "software";
        description = "Software collaborator on signi.";
        portal.enable = true;
        sudo.enable = true;
        daemon.enable = true;
        xmpp.enable = true;
        persist = ["projects" ".config/claude"];
      };
      description = "The agents of this machine, by user name.";
    };

    enabledAgents = mkOption {
      type = types.attrsOf types.unspecified;
      internal = true;
      readOnly = true;
      default =
        if cfg.enable
        then lib.filterAttrs (_: agent: agent.enable) cfg.agents
        else {};
      description = "The agents that are on.";
    };

    localAgents = mkOption {
      type = types.attrsOf types.unspecified;
      internal = true;
      readOnly = true;
      default = lib.filterAttrs (_: agent: agent.deploymentModel != "cloud") cfg.enabledAgents;
      description = "Those that have an account on this machine.";
    };
  };

  config.assertions =
    map (name: {
      assertion = builtins.match agentName name != null;
      message = ''
        nuketown.agents.${name}: "${name}" can't be a user name: begin with a small letter, and go on with
        small letters, digits, - and _, 31 at most.
      '';
    })
    (builtins.attrNames cfg.agents);
}
