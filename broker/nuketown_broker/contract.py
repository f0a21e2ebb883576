"""What the parts of the broker say to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from nuketown_approval.request import ApprovalRequest
from nuketown_approval.verdict import Verdict


class Origin(StrEnum):
    """How a request reached the broker."""

    SOCKET = "socket"
    STANZA = "stanza"


@dataclass(frozen=True)
class Asker:
    """Who asked, as the kernel or the server says; never from a payload."""

    origin: Origin
    agent: str
    """Agent of the configuration that this uid or JID stands for."""
    uid: int | None = None
    """Socket: uid that called sudo (named by uid 0), else the peer's own."""
    jid: str | None = None
    """Stanza: full JID as the server stamped it; the reply goes there."""


class Ruling(StrEnum):
    """What the policy says."""

    DENY = "deny"
    ALLOW = "allow"
    ASK = "ask"


@dataclass(frozen=True)
class Decision:
    """A ruling with the rule that made it, in words for people and the audit."""

    ruling: Ruling
    rule: str
    """Short name: ``deny-list``, ``grant 3f2a``, ``pre-approved "systemctl restart *"``, ``auto``,
    ``refused``, ``no rule``."""
    why: str
    """One sentence."""
    runs_as_argv0: str | None = None
    """A pattern matched: the command runs with this path as argv[0], cwd ``/``, no input."""
    warnings: tuple[str, ...] = ()
    """What the notice must say: a shell, an editor, a file that ada can change, …"""
    grant_offered: bool = False
    """May an answer be a grant?"""


@dataclass(frozen=True)
class Question:
    """A request that a human is asked about: what every channel shows."""

    request: ApprovalRequest
    asker: Asker
    decision: Decision
    role: str
    """The agent's role, for the title."""
    asked_at: float
    """Unix seconds."""
    stdin_bytes: int | None = None


@dataclass(frozen=True)
class Answer:
    """What a human said, on which channel."""

    result: Literal["approved", "denied"]
    channel: Literal["desktop", "terminal", "chat", "command line", "stanza"]
    answerer: str
    """Bare JID, or account name at the desk."""
    minutes: int | None = None
    for_task: bool = False
    verdict: Verdict | None = None
    """A response stanza's verdict, with its signature where there is one."""


@dataclass(frozen=True)
class Settled:
    """How a question ended, for the channels that lost and for the audit."""

    result: Literal["approved", "denied"]
    how: Literal["answered", "ruled", "timed out", "withdrawn", "broker stopped", "nobody to ask"]
    """``ruled``: by a rule or a limit, without asking; no channel hears of it."""
    sentence: str
    """``approved on desktop by josh, 14:02``"""
    answer: Answer | None = None


AnswerCallback = Callable[[str, Answer], Awaitable[bool]]
"""Request id and answer; False: it was decided already (the channel says so)."""


class Channel(Protocol):
    """A way to ask a human. Every method returns soon; nothing raised here approves anything."""

    @property
    def name(self) -> str:
        """Short name for logs."""

    @property
    def ready(self) -> bool:
        """Can somebody be asked here now? None ready: denied at once, with the reason."""

    async def run(self) -> None:
        """Serve until cancelled."""

    async def ask(self, question: Question) -> None:
        """Show a question."""

    async def settle(self, question: Question, settled: Settled) -> None:
        """Take it back: close the popup, correct the notice."""


@dataclass
class PendingRequest:
    """A question that waits, in the broker."""

    question: Question
    channels: list[Channel] = field(default_factory=list)
