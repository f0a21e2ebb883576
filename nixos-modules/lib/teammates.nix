# Who else lives in the town, as one agent sees it.
{lib}: {
  /*
  teammates :: attrs -> [attrs]

  The other agents, by name: those declared here, and those of the roster that live elsewhere.

  teammates { agent = { name = "ada"; … }; town = { enabledAgents = …; roster = …; … }; host = "signi"; }
  => [ { name = "liver"; role = "server"; host = "liver"; jid = "liver@6bit.com"; description = "…"; } … ]
  */
  teammates = {
    agent,
    town,
    host,
  }: let
    here = lib.mapAttrs (name: other: {
      inherit name;
      inherit (other) role description;
      host =
        if other.deploymentModel == "cloud"
        then null
        else host;
      jid =
        if other.xmpp.enable
        then other.xmpp.jid
        else null;
    }) (removeAttrs town.enabledAgents [agent.name]);
    elsewhere = lib.mapAttrs (name: other: {
      inherit name;
      inherit (other) role description host jid;
    }) (removeAttrs town.roster (builtins.attrNames town.enabledAgents));
  in
    builtins.attrValues (elsewhere // here);
}
