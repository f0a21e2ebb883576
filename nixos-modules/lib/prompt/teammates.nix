# The other agents: whom to ask for what.
{
  agent,
  lib,
  text,
  teammates,
  ...
}: let
  about = mate: let
    details = builtins.filter (detail: detail != "") [
      mate.role
      (lib.optionalString (mate.host != null) "on ${mate.host}")
      (lib.optionalString (mate.jid != null) "`${mate.jid}`")
    ];
    description = text.flow mate.description;
    told = lib.optionalString (description != "") ": ${description}";
  in "**${mate.name}** (${lib.concatStringsSep ", " details})${told}";
in
  lib.optionalString (teammates != []) (text.paragraphs [
    (text.bullets (map about teammates))
    (text.flow [
      "Ask the one whose machine or field it is instead of guessing."
      (lib.optionalString (agent.daemon.enable && agent.xmpp.enable) "They may give you tasks, as colleagues do.")
      "No agent can approve anything in a person's place, and neither can you."
    ])
  ])
