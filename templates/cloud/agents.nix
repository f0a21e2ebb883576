# The cluster's agents are declared like those of a machine. On this machine nothing of theirs runs:
# what stands here is for the projection to Kubernetes, and for teammates' prompts.
{
  nuketown = {
    humanJid = "josh@example.org";
    humanName = "Josh";
    humanEmail = "josh@example.org";

    cloud.enable = true;

    agents = {
      ada = {
        role = "software";
        description = "Software collaborator, in the cluster.";
        xmpp.enable = true;
        daemon.enable = true;
        cloud = {
          resources = "standard";
          scaling.maxResources = "large"; # up to there she may ask to grow; you say yes
        };
      };
      scout = {
        role = "research";
        description = "Reads, compares, and reports back.";
        xmpp.enable = true;
        daemon.enable = true;
        cloud.resources = "small";
      };
    };
  };
}
