# With whom it works, whose name is on commits, and how a person is asked.
{
  agent,
  town,
  human,
  isCloud,
  lib,
  text,
  teammates,
  ...
}: let
  inherit (agent) daemon git portal;
  coAuthor = town.humanName != null && town.humanEmail != null;
  asked = town.broker.enable || (agent.xmpp.enable && town.broker.approvalJid != null);
  signed = lib.optionalString (git.signingFormat != null) ", signed with your key";
  kinds = text.series "or" (
    ["teammates for a task (`delegate`)"]
    ++ lib.optionals isCloud ["another size of pod (`scale`)" "a connection to elsewhere (`network`)"]
  );
in
  text.bullets [
    (lib.optionals (portal.enable && !isCloud) [
      "${human} can open your terminal beside their own shell (`portal-${agent.name}`), watch, and type into it."
      "Their clones are theirs: exchange work by git."
    ])
    (lib.optionals daemon.enable [
      "Tasks come from your daemon, one at a time, each in its project and on its branch."
      "Commit on the branch that is checked out."
    ])
    (lib.optionals daemon.enable [
      "In a headless session nobody watches, and you have tools of this place."
      "`ask_human` puts one question and waits for the answer: use it for what only a person can decide, and make"
      "it answerable on a phone."
      (lib.optionalString (teammates != [] && agent.xmpp.enable) "`message_agent` writes to a teammate.")
      (lib.optionals asked [
        "`request_approval` asks for what costs more or reaches further: ${kinds}."
        "It waits, and the answer may be no; then do without, or say what is not possible."
      ])
    ])
    "Your commits are by ${git.name} <${git.email}>${signed}."
    (lib.optionals coAuthor [
      "What you commit is shared work. End every commit message with this line, and no other of its kind:"
      "`Co-authored-by: ${town.humanName} <${town.humanEmail}>`"
    ])
    "Say what you did, what you checked and how, and what is left. What failed comes first."
  ]
