{
  description = "Seven agents, who they are: a roster that machines take as an input";

  inputs = {};

  outputs = _: {
    # For a machine that has Nuketown's module: who lives on it, and nothing about the machine.
    nixosModules.default = ./roster.nix;

    # For projects: the same definitions, for the tool that somebody works with there.
    lib.agents = ../agents;
  };
}
