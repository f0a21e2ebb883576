"""From what the agent says to stanzas."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from slixmpp.stanza import Message

from nuketown_daemon.chat import OutgoingMessage
from nuketown_daemon.xmpp.client import AgentClient
from nuketown_daemon.xmpp.contract import OutboxEntry, ProgressUpdate
from nuketown_daemon.xmpp.reading import NOTICE

BODY_LIMIT = 32 * 1024
"""Longest body sent, in UTF-8 bytes; servers close the stream on stanzas not much longer, also
after escaping (Prosody: 256 KiB)."""

_SMALL = 6000
"""With what is around it, and escaped, still what every server takes (10,000, RFC 6120 §13.12)."""
_MANY_ATTEMPTS = 3

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str, limit: int = BODY_LIMIT) -> str:
    """``text`` as XML can carry it (XML 1.0 §2.2) and short enough, cut visibly.

    A stanza that can't be parsed would end the stream, again at every try.
    """
    text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[:limit].decode(errors="ignore") + "\n… (cut, it was longer)"


def status_line(text: str) -> str:
    """``text`` as a presence status: one line, at most 300 characters."""
    return clean(" ".join(text.split()))[:300]


def outbox_stanza(client: AgentClient, entry: OutboxEntry, nickname: str | None) -> Message:
    """The stanza of an outbox entry; every repetition is the same.

    :param nickname: the agent's in the room it goes to, where it goes to one: what is chosen there
        is said to everybody, so it has to begin with it
    """
    said: OutgoingMessage = entry.message
    # What ended the stream each time is longer than this server takes, and holds up the rest.
    too_long = client.violations and entry.attempts >= _MANY_ATTEMPTS
    limit = _SMALL if too_long else BODY_LIMIT
    body = clean(said.body, limit)
    stanza = _message(
        client, said.to, body, said.thread, in_room=said.in_room, notice=not said.asks
    )
    stanza["id"] = entry.stanza_id
    stanza["origin_id"]["id"] = entry.stanza_id
    stanza["chat_state"] = "active"
    if not said.in_room:
        stanza["request_receipt"] = True
    for choice in said.choices:
        response = client.plugin["xep_0439"].stanza.Response()
        response["value"] = clean(choice if nickname is None else f"{nickname}, {choice}")
        response["label"] = clean(choice)
        stanza.append(response)
    return stanza


def progress_stanza(client: AgentClient, update: ProgressUpdate, replaces: str | None) -> Message:
    """A progress message, or its correction (XEP-0308)."""
    stanza = _message(client, update.to, update.text, update.thread, in_room=update.in_room)
    stanza["id"] = client.new_id()
    if replaces is not None:
        stanza["replace"]["id"] = replaces
        # The archive keeps one message of a task's progress, not every state of it.
        stanza.enable("no-store")
    return stanza


def chat_state_stanza(client: AgentClient, to: str, state: str) -> Message:
    """A chat state alone (XEP-0085 §5.3)."""
    stanza = client.make_message(to, mtype="chat")
    stanza["chat_state"] = state
    return stanza


def short_answer(client: AgentClient, to: str, text: str, *, in_room: bool) -> Message:
    """Something said in passing: it need not arrive."""
    return _message(client, to, text, None, in_room=in_room)


def _message(
    client: AgentClient,
    to: str,
    body: str,
    thread: str | None,
    *,
    in_room: bool,
    notice: bool = True,
) -> Message:
    stanza = client.make_message(
        to,
        clean(body),
        mtype="groupchat" if in_room else "chat",
    )
    if thread:
        stanza["thread"] = clean(thread)
    if notice:
        stanza.append(ET.Element(NOTICE))
    return stanza
