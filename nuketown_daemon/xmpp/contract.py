"""What the XMPP side asks of the rest of the daemon, and what it offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from nuketown_daemon.chat import IncomingMessage, OutgoingMessage
from nuketown_daemon.presence import Presence


@dataclass(frozen=True)
class OutboxEntry:
    """A message that must arrive, as the journal has it."""

    id: int
    message: OutgoingMessage
    stanza_id: str
    """``id`` and XEP-0359 origin-id of the stanza, drawn when it was written down: a repetition
    carries the same, and the own archive tells whether the server has it."""
    attempts: int
    """Times it was handed to a stream without the server's acknowledgement so far."""


class MessageStore(Protocol):
    """The journal, as the XMPP side sees it."""

    async def outbox(self) -> list[OutboxEntry]:
        """Messages that the server has not acknowledged, oldest first."""

    async def outbox_attempted(self, entry_id: int) -> None:
        """It is about to be handed to the stream (written down first)."""

    async def outbox_delivered(self, entry_id: int) -> None:
        """The server has it: XEP-0198 acknowledged it, or it is in the own archive."""

    async def outbox_bounced(self, stanza_id: str, sender: str) -> bool:
        """``sender`` sent it back: it waits again. False: it is no message of ours to them."""

    async def outbox_changed(self) -> None:
        """Wait until something was added to the outbox since the last call."""

    async def archive_cursor(self) -> str | None:
        """Archive id of the last message that was handled."""

    async def set_archive_cursor(self, archive_id: str) -> None:
        """First start: what is older is none of our business."""

    async def has_seen(self, message: IncomingMessage) -> bool:
        """Was it handled before, live or from the archive?"""


HurryMessage = Callable[[IncomingMessage], Awaitable[None]]
"""Called for messages that wait because the journal can't be written: what can't wait (``stop``) is
done. They are handled in their turn all the same. May be called more than once for a message."""
HandleMessage = Callable[[IncomingMessage], Awaitable[None]]
"""Called for one message after the other, for allowed senders only; returns when what it asks for
is on disk. The receipt (XEP-0184) is sent after that. A JournalError means that nothing was done:
the sender is told, and it is called again."""


@dataclass(frozen=True)
class ProgressUpdate:
    """State of a running task, shown as one message corrected in place (XEP-0308)."""

    task_id: int
    to: str
    text: str
    thread: str | None = None
    in_room: bool = False


class Messenger(Protocol):
    """What the XMPP side offers. Nothing here waits for the network; offline, the newest counts."""

    @property
    def connected(self) -> bool:
        """A session is up."""

    def set_presence(self, presence: Presence) -> None:
        """Show it now and after every reconnect."""

    def show_progress(self, update: ProgressUpdate) -> None:
        """Send or correct the progress message of a task; rate-limited, the newest text wins."""

    def composing(self, to: str, *, active: bool) -> None:
        """Chat state (XEP-0085) towards a person we are about to answer."""
