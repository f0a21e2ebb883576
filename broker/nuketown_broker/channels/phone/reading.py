"""Which of an approver's messages can be an answer at all. Pure: literal XML in, few words out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree as ET

from nuketown_approval.xmpp.forwarded import CLIENT

_BODY = f"{CLIENT}body"
_REPLACE = "{urn:xmpp:message-correct:0}replace"
_DELAYS = ("{urn:xmpp:delay}delay", "{jabber:x:delay}x")
_REACTIONS = "{urn:xmpp:reactions:0}reactions"
_REACTION = "{urn:xmpp:reactions:0}reaction"
_REPLY = "{urn:xmpp:reply:0}reply"
_FALLBACK = "{urn:xmpp:fallback:0}fallback"
_COPIES = (
    "{urn:xmpp:carbons:2}received",
    "{urn:xmpp:carbons:2}sent",
    "{urn:xmpp:forward:0}forwarded",
    "{urn:xmpp:mam:2}result",
)
_ENCRYPTED = (
    "{eu.siacs.conversations.axolotl}encrypted",
    "{urn:xmpp:omemo:2}encrypted",
    "{jabber:x:encrypted}x",
    "{urn:xmpp:openpgp:0}openpgp",
)
# Emoji modifiers and the variation selector: a thumb of any colour is a thumb.
_COLOURS = {*range(0x1F3FB, 0x1F400), 0xFE0F}


class NotCounted(StrEnum):
    """Why a message of an approver was not looked at; the text is told."""

    NOT_CHAT = "That did not count: please answer in an ordinary one-to-one chat."
    CORRECTION = "A correction does not count: please send the answer as a new message."
    DELAYED = (
        "That was delivered late, so it did not count: requests may have changed meanwhile. "
        "Please answer again if it still waits."
    )
    TWO_BODIES = "That message had more than one text, so it did not count."
    ENCRYPTED = "I can't read encrypted messages: please turn encryption (OMEMO) off for this chat."


@dataclass(frozen=True)
class Said:
    """Text."""

    text: str
    reply_to: str | None = None
    """Id of the message that this is a reply to (XEP-0461)."""


@dataclass(frozen=True)
class Reacted:
    """A reaction (XEP-0444), the whole set."""

    message_id: str
    emojis: frozenset[str]


def read_answer(xml: ET.Element) -> Said | Reacted | NotCounted | None:
    """What an approver's message says; None if it says nothing."""
    kind = xml.get("type", "normal")
    bodies = xml.findall(_BODY)
    reactions = xml.findall(_REACTIONS)
    if not bodies and not reactions:
        return None
    if kind not in ("chat", "normal") or any(xml.find(copy) is not None for copy in _COPIES):
        return None
    reason = _why_not(xml, kind, bodies)
    if reason is not None:
        return reason
    if reactions:
        return _reacted(xml, reactions, bodies)
    return _said(xml, bodies[0].text or "")


def _why_not(xml: ET.Element, kind: str, bodies: list[ET.Element]) -> NotCounted | None:
    if any(xml.find(name) is not None for name in _ENCRYPTED):
        return NotCounted.ENCRYPTED
    if kind != "chat":
        return NotCounted.NOT_CHAT
    if xml.find(_REPLACE) is not None:
        return NotCounted.CORRECTION
    if any(xml.find(name) is not None for name in _DELAYS):
        return NotCounted.DELAYED
    if len(bodies) > 1:
        return NotCounted.TWO_BODIES
    return None


def _reacted(
    xml: ET.Element, reactions: list[ET.Element], bodies: list[ET.Element]
) -> Reacted | NotCounted | None:
    if bodies and not any(f.get("for") == "urn:xmpp:reactions:0" for f in xml.findall(_FALLBACK)):
        return NotCounted.TWO_BODIES  # a reaction and a text of its own: which is meant?
    if len(reactions) != 1 or not reactions[0].get("id"):
        return None
    emojis = (_plain(e.text or "") for e in reactions[0].findall(_REACTION))
    return Reacted(str(reactions[0].get("id"))[:200], frozenset(emojis))


def _said(xml: ET.Element, body: str) -> Said | None:
    reply = xml.find(_REPLY)
    if reply is None:
        return Said(body) if body.strip() else None
    # A reply may begin with what it answers, quoted (XEP-0461 §3).
    lines = [line for line in body.splitlines() if not line.startswith(">")]
    return Said("\n".join(lines), (reply.get("id") or "")[:200])


def _plain(emoji: str) -> str:
    return "".join(c for c in emoji.strip()[:10] if ord(c) not in _COLOURS)
