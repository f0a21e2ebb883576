"""Whose questions (IQ requests, RFC 6120 §8.2.3) get answers: by bare JID, before they are read."""

from __future__ import annotations

from collections.abc import Callable

from slixmpp import JID
from slixmpp.stanza import Iq

from nuketown_approval.xmpp.client import AccountClient
from nuketown_approval.xmpp.forwarded import sender_of


def turn_away(client: AccountClient, stanza: Iq, knows: Callable[[str], bool]) -> bool:
    """Is ``stanza`` a request of somebody we don't know? Then it is answered as the server answers
    for a resource that is not there (RFC 6121 §8.5.3.2.3): nobody learns that we are here.

    :param knows: is a bare JID one of those we answer, beside the own account and its server?
    """
    if stanza.xml.get("type") not in ("get", "set"):
        return False
    if "from" not in stanza.xml.keys():  # noqa: SIM118  (an Element is no dict)
        return False  # our server speaks (RFC 6120 §8.1.2.1)
    sender = sender_of(stanza)
    if sender is not None:
        if sender.bare in (client.own, JID(client.own).domain) or knows(sender.bare):
            return False
        refusal = client.make_iq_error(  # type: ignore[no-untyped-call]
            stanza.xml.get("id", ""), condition="service-unavailable", ito=sender
        )
        refusal.send()
    return True
