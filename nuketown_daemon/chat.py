"""Messages between people and the agent, free of any transport."""

from __future__ import annotations

import secrets
from dataclasses import dataclass


def whole(text: str) -> str:
    r"""Return ``text`` without halves of surrogate pairs, which no UTF-8 can carry.

    JSON can hold them, and programs in JavaScript cut texts in the middle of an emoji.

    >>> whole("cut \ud83d")
    'cut ?'
    """
    return text.encode(errors="replace").decode()


@dataclass(frozen=True)
class IncomingMessage:
    """Something said to the agent. ``sender`` is what the server stamped, never a payload."""

    sender: str
    """Bare JID of the person. In a room: the real bare JID that the room vouches for."""
    body: str
    room: str | None = None
    """Bare JID of the room it was said in; answers go there."""
    message_id: str | None = None
    """The sender's id for it (XEP-0359 origin-id, else the ``id`` attribute)."""
    archive_id: str | None = None
    """The own server's id for it (XEP-0359 stanza-id whose ``by`` is the own account)."""
    thread: str | None = None
    reply_to_id: str | None = None
    """Id of the message of ours that it answers (XEP-0461)."""
    delayed: bool = False
    """It was stored somewhere first: the archive, offline storage."""
    receipt_wanted: bool = False

    @property
    def reply_to(self) -> str:
        """Bare JID that an answer goes to."""
        return self.room or self.sender


@dataclass(frozen=True)
class OutgoingMessage:
    """Something the agent says and that must arrive, once: it goes through the journal's outbox."""

    to: str
    body: str
    thread: str | None = None
    in_room: bool = False
    task_id: int | None = None
    choices: tuple[str, ...] = ()
    """Answers to offer as quick responses (XEP-0439)."""

    @property
    def asks(self) -> bool:
        """Does a session ask another agent for something? All else is said by the daemon itself.

        What a daemon says about a task is in that task's thread; this begins a conversation.
        """
        return self.task_id is not None and self.thread is None


def new_thread() -> str:
    """Return an id for the thread of what begins here (XEP-0201)."""
    return f"nuketown-{secrets.token_hex(6)}"
