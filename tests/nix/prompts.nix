# What the agents of the examples are told, by machine and agent: { "signi.ada" = "# Ada\n…"; }
#
# The machines are put together as the flakes beside them do it.
let
  inherit (import <nixpkgs/lib>) concatMapAttrs genAttrs mapAttrs';
  machines =
    genAttrs ["gateway" "liver" "printer" "signi"] (_: ../../examples/town/secrets.nix)
    // {earthrealm = ../../examples/roster/roster.nix;};

  promptsOf = machine: more: let
    system = import ./nixos.nix {
      extras = ["impermanence" "sops-nix"];
      modules = [(../../examples + "/${machine}/configuration.nix") more];
    };
  in
    mapAttrs' (name: agent: {
      name = "${machine}.${name}";
      value = agent.promptText;
    })
    system.config.nuketown.enabledAgents;
in
  concatMapAttrs promptsOf machines
