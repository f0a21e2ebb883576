# The seven of earthrealm. Who each of them is stands in its definition, which is reviewed like code
# (docs/prompt-review.md); here is only what a machine needs to know.
{lib, ...}: let
  agents = {
    bossypants = {
      uid = 1001;
      role = "coordination";
    };
    nastypants = {
      uid = 1002;
      role = "quality";
    };
    fancypants = {
      uid = 1003;
      role = "design";
    };
    smartypants = {
      uid = 1004;
      role = "implementation";
    };
    sneakypants = {
      uid = 1005;
      role = "security";
    };
    handypants = {
      uid = 1006;
      role = "operations";
    };
    wordypants = {
      uid = 1007;
      role = "documentation";
    };
  };
in {
  nuketown.agents = lib.mapAttrs (name: agent:
    agent
    // {
      definition = ../agents + "/${name}";
      daemon.enable = lib.mkDefault true;
      xmpp.enable = lib.mkDefault true;
    })
  agents;
}
