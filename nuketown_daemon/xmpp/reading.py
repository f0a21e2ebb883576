"""From stanzas to :class:`IncomingMessage`. Pure: looks at XML that others wrote, believes little.

Who said it is decided before (inbox.py); here only what was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree as ET

from slixmpp.stanza import Message

from nuketown_approval.xmpp.forwarded import CLIENT, only_message
from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.errors import ProtocolError
from nuketown_daemon.task import PROMPT_LIMIT

_SID = "{urn:xmpp:sid:0}"
_RESULT = "{urn:xmpp:mam:2}result"
_DELAY = "{urn:xmpp:delay}delay"
_REPLACE = "{urn:xmpp:message-correct:0}replace"
_RECEIPT_REQUEST = "{urn:xmpp:receipts}request"
_REPLY = "{urn:xmpp:reply:0}reply"
_FALLBACK = "{urn:xmpp:fallback:0}fallback"
_FALLBACK_BODY = "{urn:xmpp:fallback:0}body"
_ENCRYPTED = (
    "{eu.siacs.conversations.axolotl}encrypted",
    "{urn:xmpp:omemo:2}encrypted",
    "{jabber:x:encrypted}x",
    "{urn:xmpp:openpgp:0}openpgp",
    "{urn:xmpp:eme:0}encryption",
)
_OTR = "?OTR"
_REACTIONS = "{urn:xmpp:reactions:0}reactions"
_RETRACTIONS = (
    "{urn:xmpp:message-retract:1}retract",
    "{urn:xmpp:fasten:0}apply-to/{urn:xmpp:message-retract:0}retract",
)
_ID_LIMIT = 1024
NOTICE = "{urn:nuketown:chat}notice"
"""Marks what a daemon says by itself: answers, questions, progress, reports (docs/chat.md). Another
daemon takes none of it for a task, or two agents would give each other work for ever."""


class Trouble(StrEnum):
    """Why a message of somebody we listen to can't be acted on; the text is told."""

    ENCRYPTED = (
        "I can't read encrypted messages: please turn encryption (OMEMO, OTR) off for this chat."
    )
    TOO_LONG = (
        f"That message is too long for me (more than {PROMPT_LIMIT} characters): "
        "please put it into a file and tell me where it is."
    )
    CORRECTION = (
        "I have already acted on what you wrote first, and don't look at corrections: "
        "please send what you want changed as a new message."
    )
    RETRACTION = (
        "I had read what you took back: if I am at work on it, `status` tells its number and "
        "`cancel` ends it."
    )


@dataclass(frozen=True)
class Reading:
    """What one stanza says."""

    message: IncomingMessage
    answer_to: str
    """Full JID that the stanza came from: receipts go there."""
    receipt_for: str | None = None
    """The stanza's ``id``, where a receipt is wanted (XEP-0184 §5.3); the origin-id may differ."""
    trouble: Trouble | None = None
    words: str = ""
    """What was said, without a quotation."""
    reply_to: str | None = None
    """Whom it answers, as the client says (XEP-0461 §3.1); in a room an occupant's JID."""


def read_direct(stanza: Message, own: str, archive_id: str | None = None) -> Reading | None:
    """What a chat or normal message says; None if it says nothing.

    :param own: own bare JID
    :param archive_id: its id in the own archive, where it comes from there
    """
    if stanza.xml.get("type", "normal") not in ("chat", "normal"):
        return None
    sender = stanza["from"]
    return _read(
        stanza.xml,
        sender=sender.bare,
        answer_to=sender.full,
        archive_id=archive_id or stanza_id(stanza.xml, own),
        delayed=archive_id is not None or stanza.xml.find(_DELAY) is not None,
    )


def read_room(stanza: Message, sender: str) -> Reading | None:
    """What was said in a room just now; None for history and what says nothing.

    :param sender: real bare JID of who said it, as the room vouches
    """
    if stanza.xml.get("type") != "groupchat" or stanza.xml.find(_DELAY) is not None:
        return None
    room = stanza["from"]
    return _read(stanza.xml, sender=sender, answer_to=room.full, room=room.bare)


def _read(
    xml: ET.Element,
    *,
    sender: str,
    answer_to: str,
    room: str | None = None,
    archive_id: str | None = None,
    delayed: bool = False,
) -> Reading | None:
    if xml.find(NOTICE) is not None:
        return None
    body = _body(xml)
    trouble = _trouble(xml, body)
    # The text that comes with a reaction (XEP-0444 §4) is for clients that know none.
    if (not body.strip() and trouble is None) or xml.find(_REACTIONS) is not None:
        return None
    wanted = room is None and xml.find(_RECEIPT_REQUEST) is not None
    origin = xml.find(f"{_SID}origin-id")
    reply = xml.find(_REPLY)
    message = IncomingMessage(
        sender=sender,
        body="" if trouble else body,
        room=room,
        message_id=_short(origin.get("id") if origin is not None else None)
        or _short(xml.get("id")),
        archive_id=_short(archive_id),
        thread=_short(xml.findtext(f"{CLIENT}thread")),
        reply_to_id=_short(reply.get("id")) if reply is not None else None,
        delayed=delayed,
        receipt_wanted=wanted,
    )
    receipt_for = xml.get("id") if wanted else None
    answered = reply.get("to") if reply is not None else None
    return Reading(message, answer_to, receipt_for, trouble, body, answered)


def _trouble(xml: ET.Element, body: str) -> Trouble | None:
    if body.startswith(_OTR) or any(xml.find(name) is not None for name in _ENCRYPTED):
        return Trouble.ENCRYPTED
    if any(xml.find(name) is not None for name in _RETRACTIONS):
        return Trouble.RETRACTION
    if xml.find(_REPLACE) is not None:
        return Trouble.CORRECTION
    return Trouble.TOO_LONG if len(body) > PROMPT_LIMIT else None


def _body(xml: ET.Element) -> str:
    """The first body, without the quotation a reply may begin with (XEP-0461 §3, XEP-0428)."""
    body = xml.findtext(f"{CLIENT}body") or ""
    if xml.find(_REPLY) is None:
        return body
    for fallback in xml.findall(_FALLBACK):
        part = fallback.find(_FALLBACK_BODY)
        if fallback.get("for") != "urn:xmpp:reply:0" or part is None:
            continue
        start, end = part.get("start", ""), part.get("end", "")
        if start.isdecimal() and end.isdecimal() and int(start[:9]) < int(end[:9]) <= len(body):
            return body[: int(start)] + body[int(end) :]
    return body


def stanza_id(xml: ET.Element, by: str) -> str | None:
    """The id that the archive ``by`` gave (XEP-0359 §3): the last one, since a sender may have
    written others before it.
    """
    ids = [e.get("id") for e in xml.findall(f"{_SID}stanza-id") if e.get("by") == by]
    return ids[-1] if ids else None


@dataclass(frozen=True)
class ArchiveResult:
    """One result of an archive query (XEP-0313 §4.2)."""

    query_id: str
    archive_id: str
    message: Message


def archive_result(stanza: Message) -> ArchiveResult | None:
    """The result in a message from an archive; None if it holds none.

    :raises ProtocolError: it holds something that only looks like one
    """
    result = stanza.xml.find(_RESULT)
    if result is None:
        return None
    inner = only_message(result)
    query_id, archive_id = result.get("queryid"), result.get("id")
    if inner is None or not query_id or not archive_id:
        raise ProtocolError("an archive result without exactly one message and its ids was ignored")
    return ArchiveResult(query_id, archive_id, inner)


def _short(value: str | None) -> str | None:
    return value[:_ID_LIMIT] if value else None
