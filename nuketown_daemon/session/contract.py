"""What the task runner and a session say to each other, whatever the session runs in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Outcome(StrEnum):
    """How a session ended."""

    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    """Somebody asked for it."""
    TIMED_OUT = "timed out"
    LOST = "lost"
    """It can't be continued (process and transcript are gone): a human decides."""


@dataclass(frozen=True)
class SessionJob:
    """One task for one session."""

    task_id: int
    prompt: str
    workspace: Path
    session_id: str
    """UUID; a new one for a new conversation, the old one where ``resume`` is set."""
    resume: bool = False
    """Continue the conversation ``session_id`` with ``prompt``, a new turn of it."""
    recover: bool = False
    """The daemon went down while this very job ran: find out how far it got, never send
    ``prompt`` a second time."""
    timeout_s: float = 14400.0
    max_cost_usd: float | None = None
    earlier_result: str | None = None


@dataclass(frozen=True)
class SessionResult:
    """What came of it. ``text`` is the last thing the model said, or why it failed."""

    outcome: Outcome
    text: str
    session_id: str | None = None
    cost_usd: float = 0.0
    turns: int = 0


@dataclass
class SessionControl:
    """What people say to a running session."""

    steering: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """Later messages in its thread, in order."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once: end cleanly (interrupt, then terminate), in bounded time."""


class SessionObserver(Protocol):
    """What a running session tells; the task runner implements it."""

    async def progress(self, text: str) -> None:
        """Something worth reading happened; shown as one message corrected in place."""

    async def say(self, text: str) -> None:
        """Tell the requester something that must arrive (a permission prompt waits, …)."""

    async def waiting(self, reason: str | None) -> None:
        """The session waits for ``reason`` (``an answer``, ``sudo approval``), or no longer."""

    async def ask_human(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """Ask the requester and wait for the answer.

        :raises SessionError: nobody answered in time
        """

    async def request_approval(self, kind: str, details: dict[str, str]) -> str:
        """Ask the broker's human for ``delegate``, ``scale`` or ``network``; a yes in a sentence.

        :raises SessionError: no, or nobody could be asked
        """

    async def message_agent(self, agent: str, text: str) -> None:
        """Send ``text`` to the peer ``agent`` (a name or a bare JID of xmpp.toml's peers).

        :raises SessionError: not a peer
        """

    async def steered(self) -> None:
        """The oldest steering message is with the model now: it is not said again after a crash.
        Called once for each, in order.
        """

    async def spent(self, cost_usd: float, turns: int) -> None:
        """Total so far of this session's process, in US dollars; written to the journal."""


class Session(Protocol):
    """A way to run jobs."""

    async def prepare(self, job: SessionJob) -> None:
        """Write ahead what the start of ``job`` needs, while the journal is written; may be left
        out, and nothing runs by it.

        :raises SessionError: it could not be written
        """

    async def run(
        self, job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        """Run ``job`` to its end.

        Cancelling the call means that the daemon goes down, not that the work shall end: a
        headless session is interrupted and can be recovered by its id, an interactive one goes on
        in tmux.

        :raises SessionError: it could not be started; the text says why and what to do
        """
