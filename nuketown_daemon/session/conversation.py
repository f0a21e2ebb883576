"""What is known of a Claude Code in tmux, and how hooks change it; kept in a file per session name.

The state is pure; :class:`ConversationStore` does the I/O, which blocks.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path

from nuketown_daemon.control.contract import HookReport

_COMPARED = 4000
"""Characters of a prompt that are compared: a hook reports the beginning of it."""


class Turn(StrEnum):
    """How far the turn is that the running task waits for."""

    NONE = "none"
    """No task, or the text still waits to be handed over."""
    SENT = "sent"
    """Handed over (written down before it is): never again."""
    RUNNING = "running"
    """Claude Code took it up."""
    ENDED = "ended"
    FAILED = "failed"


@dataclass
class Conversation:
    """One Claude Code that was started in a tmux session."""

    session_id: str
    """Of Claude Code: a UUID."""
    session: str
    """Of tmux: its name."""
    workspace: str
    pane: str = ""
    pid: int = 0
    """Process in the pane; 0 while it is being started."""
    started: int = 0
    """Its start time (proc(5), field 22), so that a number used again is not taken for it."""
    server_pid: int = 0
    transcript: str = ""
    busy: bool = True
    closed: str = ""
    """Why it ended, as its SessionEnd said; empty: it did not."""
    origin: str = ""
    """The ``session_id`` that Claude Code was started with; empty: the same."""
    successor: str = ""
    """The conversation that somebody began in its place (``/clear``, ``/resume``)."""
    task_id: int | None = None
    turn: Turn = Turn.NONE
    sent: str = ""
    """The text that was handed over last."""
    prompt_id: str = ""
    """Claude Code's id for that turn."""
    waiting: list[str] = field(default_factory=list)
    """Texts to hand over, in order."""
    message: str = ""
    """The last thing said, or the error."""
    turns: int = 0
    background: dict[str, str] = field(default_factory=dict)
    """What ran in the background when the last turn ended: id → description."""
    earlier: list[str] = field(default_factory=list)
    """Ids of what ran there before the task began: a server of an earlier one, say."""

    @property
    def awaited(self) -> list[str]:
        """What the task left in the background; Claude Code goes on when it is done."""
        return [text for key, text in self.background.items() if key not in self.earlier]

    @property
    def started_as(self) -> str:
        """The ``session_id`` that Claude Code was started with."""
        return self.origin or self.session_id

    @property
    def left(self) -> bool:
        """Does the process go on with another conversation?

        Any other end is seen by the process: its hook may come when a new one continues it.
        """
        return self.closed in ("clear", "resume")

    def go_on_with_successor(self) -> None:
        """Take what somebody began at the terminal for the conversation that tasks join."""
        if self.left and self.successor:
            self.origin, self.session_id = self.started_as, self.successor
            self.successor = self.closed = self.transcript = ""

    def begin(self, task_id: int, *texts: str) -> None:
        """Take up a task whose ``texts`` wait to be handed over."""
        self.task_id = task_id
        self.turn, self.sent, self.prompt_id, self.message, self.turns = Turn.NONE, "", "", "", 0
        self.waiting = list(texts)
        self.earlier = list(self.background)

    def hand_over(self) -> str:
        """Return the next text; from here on it counts as sent."""
        self.sent = self.waiting.pop(0)
        self.turn, self.prompt_id, self.busy = Turn.SENT, "", True
        return self.sent

    def take_back(self, turn: Turn) -> None:
        """What was to be handed over was not: it waits again, and the turn is what it was."""
        self.waiting.insert(0, self.sent)
        self.turn, self.sent, self.busy = turn, "", False

    def apply(self, report: HookReport) -> None:
        """Take in what a hook of this Claude Code reports."""
        if report.session_id != self.session_id:
            self._apply_elsewhere(report)
            return
        if report.transcript_path:
            self.transcript = report.transcript_path
        match report.hook_event_name:
            case "SessionStart":
                # With a prompt in its argument vector it goes straight on to work.
                self.busy, self.closed = self.turn is Turn.SENT, ""
            case "UserPromptSubmit":
                self._turn_begins(report)
            case "Stop" | "StopFailure":
                self._turn_ends(report)
            case "SessionEnd":
                self.closed, self.busy = report.reason or "other", False

    def _apply_elsewhere(self, report: HookReport) -> None:
        match report.hook_event_name:
            case "SessionStart":
                self.successor, self.busy = report.session_id, False
            case "UserPromptSubmit" | "Stop" | "StopFailure":
                self.busy = report.hook_event_name == "UserPromptSubmit"
            case "SessionEnd":
                self.successor = ""

    def _turn_begins(self, report: HookReport) -> None:
        self.busy = True
        ours = self.turn is Turn.SENT and _holds(report.prompt or "", self.sent)
        # Somebody who interrupts our turn at the terminal and types on carries it on: the end of
        # what he began is the end of the task's work. So does what ended in the background.
        woken = self.turn is Turn.ENDED and bool(self.awaited)
        if ours or woken or self.turn is Turn.RUNNING:
            self.turn = Turn.RUNNING
            self.prompt_id = report.prompt_id or ""

    def _turn_ends(self, report: HookReport) -> None:
        stale = report.prompt_id and self.prompt_id and report.prompt_id != self.prompt_id
        if self.turn is Turn.RUNNING and stale:
            return
        self.busy = False
        self.background = {task.id: task.description for task in report.background_tasks}
        # A Stop hook of the project may have sent it on: then its turn ends a second time.
        again = self.turn is Turn.ENDED and report.prompt_id == self.prompt_id
        if self.turn is not Turn.RUNNING and not again:
            # A turn that somebody typed; where our text was sent, it still has to be taken up.
            self.busy = self.turn is Turn.SENT
            return
        self.turns += not again
        failed = report.hook_event_name == "StopFailure"
        self.turn = Turn.FAILED if failed else Turn.ENDED
        self.message = report.last_assistant_message or report.error or ""


def _holds(whole: str, part: str) -> bool:
    """Is ``part`` in ``whole``, white space aside (pasting turns tabs to spaces)?

    Claude Code wraps a long paste in a marker, and what somebody had typed before stays there.
    """
    return "".join(part.split())[:_COMPARED] in "".join(whole.split())


class ConversationStore:
    """The conversations on disk: ``sessions/<tmux session>.json``, readable by the user alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self) -> dict[str, Conversation]:
        """Return all conversations by the name of their tmux session; damaged files are passed."""
        found: dict[str, Conversation] = {}
        known = {item.name for item in fields(Conversation)}
        for path in self._directory.glob("*.json"):
            with contextlib.suppress(OSError, ValueError, TypeError):
                content = dict(json.loads(path.read_bytes()))
                conversation = Conversation(**{k: v for k, v in content.items() if k in known})
                conversation.turn = Turn(conversation.turn)
                found[conversation.session] = conversation
        return found

    def save(self, conversation: Conversation) -> None:
        """Write it down, whole or not at all.

        :raises OSError: no room
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._directory, prefix=".conversation-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps(vars(conversation)))
            Path(name).replace(self._directory / f"{conversation.session}.json")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
