# Who an agent is: computed once, projected everywhere.
{lib}: {
  /*
  displayName :: string -> string

  displayName "ada"
  => "Ada"
  */
  displayName = name:
    lib.toUpper (builtins.substring 0 1 name) + builtins.substring 1 (-1) name;

  /*
  mkIdentity :: attrs -> attrs

  The facts about an agent, from its options and those of the town it lives in.

  mkIdentity { agent = { name = "ada"; role = "software"; … }; town = { domain = "6bit.com"; … }; host = "signi"; }
  => { name = "ada"; displayName = "Ada"; role = "software"; email = "ada@6bit.com"; domain = "6bit.com";
       home = "/agents/ada"; uid = 1100; host = "signi"; model = "workstation"; description = "…"; … }
  */
  mkIdentity = {
    agent,
    town,
    host,
  }: {
    inherit host;
    inherit (agent) name displayName role home uid description persist;
    inherit (agent.git) email;
    inherit (town) domain;
    model = agent.deploymentModel;
    jid =
      if agent.xmpp.enable
      then agent.xmpp.jid
      else null;
    human = {
      user = town.humanUser;
      name = town.humanName;
      email = town.humanEmail;
      jid = town.humanJid;
    };
  };

  /*
  identityToml :: attrs -> attrs

  What of an identity goes into identity.toml (docs/configuration.md); the value for a TOML generator.
  */
  identityToml = identity:
    {
      inherit (identity) name role email home uid model;
      domain =
        if identity.domain == null
        then ""
        else identity.domain;
    }
    // lib.optionalAttrs (identity.description != "") {
      description.text = identity.description;
    };
}
