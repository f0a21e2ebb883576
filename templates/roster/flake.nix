{
  description = "My agents, who they are: a roster that machines take as an input";

  # A machine's flake:
  #   inputs.agent-roster.url = "…";
  #   modules = [nuketown.nixosModules.default agent-roster.nixosModules.default …];
  inputs = {};

  outputs = _: {
    # For a machine: who lives on it.
    nixosModules.default = ./roster.nix;

    # For projects: the same definitions, for the tool that somebody works with there.
    lib.agents = ./agents;
  };
}
