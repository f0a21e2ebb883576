"""What is asked of an agent, and the states a task goes through. Pure: no I/O."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nuketown_daemon.errors import TransitionError

PROMPT_LIMIT = 64 * 1024
"""Longest prompt, in characters."""

_PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
_BRANCH_REFUSED = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)")


def check_project_name(name: str) -> str:
    """Return ``name`` if it is a project name: a name, not a path.

    :raises ValueError: a path, a leading ``-`` or ``.``, control characters, or too long
    """
    if not _PROJECT.fullmatch(name) or name.endswith(".lock"):
        raise ValueError(
            f"{name[:60]!r} is not a project name: use letters, digits and . _ + -, "
            "up to 100 characters, and start with a letter or digit"
        )
    return name


def is_project_name(text: str) -> bool:
    """Could ``text`` be the name of a project?"""
    try:
        check_project_name(text)
    except ValueError:
        return False
    return True


def check_branch_name(name: str) -> str:
    """Return ``name`` if git takes it as a branch name (git-check-ref-format(1)).

    :raises ValueError: git would refuse it, or read it as an option
    """
    bad = (
        not name
        or len(name) > 200
        or name == "@"
        or name.startswith(("-", "/", "."))
        or name.endswith(("/", "."))
        or _BRANCH_REFUSED.search(name)
    )
    if bad:
        raise ValueError(f"{name[:60]!r} is not a branch name git accepts")
    return name


ProjectName = Annotated[str, AfterValidator(check_project_name)]
BranchName = Annotated[str, AfterValidator(check_branch_name)]


class Mode(StrEnum):
    """How a session runs."""

    INTERACTIVE = "interactive"
    HEADLESS = "headless"


class TaskRequest(BaseModel):
    """One thing somebody asks the agent to do, wherever it came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: ProjectName
    prompt: Annotated[str, Field(min_length=1, max_length=PROMPT_LIMIT)]
    branch: BranchName | None = None
    mode: Mode | None = None
    """None: the daemon's default (design §3)."""
    source: Literal["dm", "room", "socket"]
    requester: str
    """Who asked: a bare JID as the server stamped it, or ``uid:1000`` for a peer of the socket."""
    reply_to: str | None = None
    """Where reports go: a bare JID (of a person, or of a room where ``source`` is ``room``).
    None: the first owner."""
    thread: str | None = None
    """Thread of the conversation (RFC 6121 §5.2.5); one is made where the client has none."""
    source_message_id: str | None = None
    follows: int | None = None
    """The finished task in whose thread this was said: its session is continued."""


class TaskState(StrEnum):
    """Where a task is; kept in the journal."""

    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The daemon or the machine went down under it and it can't be resumed: a human decides."""


ACTIVE = frozenset({TaskState.PREPARING, TaskState.RUNNING})
ENDED = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.INTERRUPTED})

_NEXT: dict[TaskState, frozenset[TaskState]] = {
    TaskState.QUEUED: frozenset({TaskState.PREPARING, TaskState.CANCELLED, TaskState.FAILED}),
    TaskState.PREPARING: frozenset(
        {
            TaskState.QUEUED,  # the daemon stopped before anything was paid for or changed
            TaskState.RUNNING,
            TaskState.FAILED,
            TaskState.CANCELLED,
            TaskState.INTERRUPTED,
        }
    ),
    TaskState.RUNNING: frozenset(
        {TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.INTERRUPTED}
    ),
    # A retry is a new task: what ended stays as it ended.
    TaskState.DONE: frozenset(),
    TaskState.FAILED: frozenset(),
    TaskState.CANCELLED: frozenset(),
    TaskState.INTERRUPTED: frozenset(),
}


def check_transition(old: TaskState, new: TaskState) -> TaskState:
    """Return ``new`` if a task may go there from ``old``.

    :raises TransitionError: it may not
    """
    if new not in _NEXT[old]:
        raise TransitionError(f"a task that is {old} can't become {new}")
    return new


class Task(BaseModel):
    """A request that was accepted, as the journal has it. Times are Unix seconds."""

    model_config = ConfigDict(frozen=True)

    id: int
    request: TaskRequest
    state: TaskState = TaskState.QUEUED
    created: float
    started: float | None = None
    ended: float | None = None
    workspace: str | None = None
    """Absolute path, once it is known."""
    base_commit: str | None = None
    """HEAD when the session began; what came after is the task's work."""
    branch: str | None = None
    session_id: str | None = None
    """Claude session (a UUID), chosen and written down before the session is started."""
    session_mode: Mode | None = None
    cost_usd: float = 0.0
    turns: int = 0
    result: str | None = None
    """What was reported, or why it ended; one text for people."""

    @property
    def title(self) -> str:
        """First line of the prompt, short enough for a presence status (80 characters)."""
        lines = self.request.prompt.strip().splitlines() or [""]
        line = " ".join(lines[0].split())
        return line if len(line) <= 80 else line[:79].rstrip() + "…"
