# Option types: what a value may look like, before anything asks what it means.
{lib}: let
  inherit (lib) types;
  bareJid = types.strMatching "[^@/[:space:]]+@[^@/[:space:]]+";
in {
  inherit bareJid;

  # A user name that NixOS, sudo and the broker all take.
  agentName = "[a-z_][a-z0-9_-]{0,30}";

  # Relative to the home; what would leave it is for the assertions to name.
  homePath = types.strMatching "[^[:cntrl:]]+";

  # A secret: its name at the backend, or the absolute path of a file that something else puts there.
  secretName = types.strMatching "[A-Za-z0-9._/@+-]+";

  # A file that will be there at run time. A Nix path literal would be copied to the store.
  runtimeFile = types.addCheck types.str (lib.hasPrefix "/");

  # Shares of the window: the agent's, then the human's, as the prototype has it.
  portalLayout = types.strMatching "[1-9][0-9]?/[1-9][0-9]?";

  # One line: of a prompt's heading, a window's title, a unit's description.
  line = types.strMatching "[^[:cntrl:]]*";

  # systemd.resource-control(5): bytes with K, M, G, T, or a percentage of the machine's.
  memory = types.strMatching "[0-9]+(\\.[0-9]+)?[KMGT]?|[0-9]+%|infinity";
  cpuQuota = types.strMatching "[0-9]+%";
}
