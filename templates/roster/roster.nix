# Who each of them is stands in agents/<name>, which is reviewed like code; here is only what a
# machine needs to know.
{lib, ...}: {
  nuketown.agents =
    lib.mapAttrs (name: agent:
      agent
      // {
        definition = ./agents + "/${name}";
        daemon.enable = lib.mkDefault true;
        xmpp.enable = lib.mkDefault true;
      }) {
      ada = {
        uid = 1101;
        role = "software";
      };
      rex = {
        uid = 1102;
        role = "review";
      };
    };
}
