"""Who a stanza is from, and what is inside copies: little of what others wrote is believed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from slixmpp import JID, InvalidJID
from slixmpp.stanza import Iq, Message, Presence

CLIENT = "{jabber:client}"
_CARBONS = "{urn:xmpp:carbons:2}"
_FORWARDED = "{urn:xmpp:forward:0}forwarded"


def received_carbon(stanza: Message, own: str) -> Message | None:
    """The message in a ``received`` carbon, unwrapped once; None for anything else.

    Only the own account makes carbons, and it has no resource (XEP-0280 §11, CVE-2017-5589).
    """
    if stanza.xml.get("from") != own or stanza.xml.get("type") == "error":
        return None
    copies = stanza.xml.findall(f"{_CARBONS}received")
    inner = only_message(copies[0]) if len(copies) == 1 else None
    return inner if inner is not None and inner["from"].bare != own else None


def only_message(wrapper: ET.Element) -> Message | None:
    """The message in a wrapper with one <forwarded/> with one message; else None (XEP-0297)."""
    forwarded = wrapper.findall(_FORWARDED)
    messages = forwarded[0].findall(f"{CLIENT}message") if len(forwarded) == 1 else []
    if len(messages) != 1:
        return None
    return Message(xml=messages[0])  # type: ignore[no-untyped-call]


def sender_of(stanza: Message | Presence | Iq) -> JID | None:
    """Who the server says it is from; None where that is no JID (or the server itself)."""
    try:
        sender = stanza["from"]
    except InvalidJID:
        return None
    return sender if sender.bare else None
