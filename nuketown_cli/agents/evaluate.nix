# What the library makes of definitions, as data for `nuketown agents render` and `show`: nothing is built.
#
# nixLib is a nixpkgs' lib, library our nixos-modules/lib, roster the directory of the definitions; requests is
# JSON: what rendering takes, with the names of the agents, and for show the one permission to look at.
{
  nixLib,
  library,
  roster,
  requests,
}: let
  lib = import (/. + nixLib);
  agents = import (/. + "${library}/agents.nix") {inherit lib;};
  known = agents.loadAgents (/. + roster);

  only = permission: agent:
    if permission == null
    then agent
    else agent // {permissions = lib.filterAttrs (tool: _: tool == permission) agent.permissions;};

  answer = request:
    agents.rendering {
      inherit (request) headless modelOverrides primary tool;
      canonical = lib.mapAttrs (_: only request.permission) (lib.getAttrs request.agents known);
    };
in
  map answer (builtins.fromJSON requests)
