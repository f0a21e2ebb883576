# For home-manager: definitions of agents as each tool reads them (docs/agent-definitions.md).
{
  imports = [
    ./claude-code.nix
    ./opencode.nix
    ./pi.nix
  ];
}
