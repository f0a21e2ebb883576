"""What the local socket asks of the daemon; the application implements it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from nuketown_daemon.events import Event
from nuketown_daemon.task import PROMPT_LIMIT, BranchName, Mode, ProjectName, Task


class Status(BaseModel):
    """What ``nuketown status`` shows."""

    model_config = ConfigDict(frozen=True)

    agent: str
    role: str
    model: str | None = None
    """How it is deployed: workstation, device or cloud, where identity.toml says."""
    jid: str | None
    connected: bool
    """On XMPP right now."""
    problem: str | None = None
    """Why not, where a human has to do something; one sentence."""
    show: str
    status: str
    """The presence (same line as systemd's STATUS=)."""
    current: Task | None
    queued: int
    cost_today_usd: float
    version: str
    pid: int


class TaskSubmission(BaseModel):
    """A task as the socket (or a JSON object in a chat message) takes it: either ``text`` to be
    understood like a chat message, or at least ``project`` and ``prompt``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str | None = Field(default=None, min_length=1, max_length=PROMPT_LIMIT)
    project: ProjectName | None = None
    prompt: str | None = Field(default=None, min_length=1, max_length=PROMPT_LIMIT)
    branch: BranchName | None = None
    mode: Mode | None = None
    notify: str | None = None
    """Bare JID of an owner or peer that reports go to; None: the first owner."""


class BackgroundTask(BaseModel):
    """What Claude Code left running when its turn ended; it wakes up when that is done."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(max_length=100)
    description: str = ""


class HookReport(BaseModel):
    """What a Claude Code hook reports (code.claude.com/docs/en/hooks, common input fields)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str = Field(max_length=100)
    conversation: str | None = Field(default=None, max_length=100)
    """The session id that Claude Code was started with; ``/clear`` gives it another."""
    hook_event_name: Literal[
        "SessionStart", "UserPromptSubmit", "Stop", "StopFailure", "Notification", "SessionEnd"
    ]
    """StopFailure: the turn ended by an error of the API, and no Stop follows."""
    prompt_id: str | None = Field(default=None, max_length=100)
    """UserPromptSubmit, Stop, StopFailure: which turn."""
    transcript_path: str | None = None
    cwd: str | None = None
    message: str | None = None
    """Notification: what Claude wants."""
    notification_type: str | None = None
    reason: str | None = None
    """SessionEnd: why."""
    error: str | None = None
    """StopFailure: the kind of error."""
    last_assistant_message: str | None = None
    """Stop, StopFailure: the last thing said, where the harness tells."""
    background_tasks: tuple[BackgroundTask, ...] = ()
    """Stop: commands and sub-agents that still run."""
    prompt: str | None = None
    """UserPromptSubmit: what was typed or pasted."""


class Control(Protocol):
    """The daemon, as its socket sees it. Every error is a NuketownError with a sentence."""

    async def submit(self, submission: TaskSubmission, peer_uid: int) -> Task:
        """Journal a task and return it."""

    async def status(self) -> Status:
        """How the agent is."""

    async def tasks(self, limit: int) -> list[Task]:
        """The newest ``limit`` tasks and all that are queued or running, oldest first."""

    async def cancel(self, task_id: int | None, peer_uid: int) -> Task:
        """End the task (None: the running one)."""

    def watch(self) -> AbstractContextManager[asyncio.Queue[Event]]:
        """Events from now on."""

    async def hook(self, report: HookReport) -> None:
        """A Claude Code hook fired in a session of ours."""
