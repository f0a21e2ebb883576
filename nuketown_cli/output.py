"""What the command prints: JSON lines, plain lines, or a terminal's colours."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from nuketown_cli.safe_text import safe_text
from nuketown_daemon.task import Task, TaskState

if TYPE_CHECKING:
    from rich.console import Console

STYLES: dict[str, str] = {
    "done": "green", "failed": "red", "cancelled": "yellow", "interrupted": "yellow",
    "running": "cyan", "preparing": "cyan", "queued": "dim",
    "ok": "green", "warn": "yellow", "bad": "bold red",
}  # fmt: skip


class Output:
    """Standard output in one of three forms.

    :param as_json: one JSON object per line and nothing else
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # A dumb terminal (in an editor, for example) can't take a line back: it gets plain ones.
        dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
        self.is_terminal = sys.stdout.isatty() and not as_json and not dumb
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """The terminal; nothing printed there is read as markup."""
        if self._console is None:
            from rich.console import Console  # noqa: PLC0415  (200 ms that JSON never needs)

            self._console = Console(markup=False, emoji=False, highlight=False)
        return self._console

    def json(self, value: dict[str, Any]) -> None:
        """One object on a line of its own, at once."""
        print(json.dumps(value), flush=True)  # noqa: T201

    def line(self, text: str, style: str | None = None) -> None:
        """Text for people, made safe; not in JSON mode."""
        if self.as_json:
            return
        if self.is_terminal:
            self.console.print(safe_text(text), style=style, soft_wrap=True)
        else:
            print(safe_text(text), flush=True)  # noqa: T201

    def note(self, text: str) -> None:
        """A remark beside the output, on standard error."""
        print(safe_text(text), file=sys.stderr, flush=True)  # noqa: T201


def task_object(agent: str, task: Task) -> dict[str, Any]:
    """A task as ``--json`` shows it."""
    return {"agent": agent, "task": task.model_dump(mode="json") | {"title": task.title}}


def task_line(agent: str, task: Task) -> str:
    """A task on one line for people."""
    title = safe_text(task.title, one_line=True)
    cost = f", ${task.cost_usd:.2f}" if task.cost_usd else ""
    return f"{agent}  {task.id}  {task.state}  {task.request.project}: {title}{cost}"


def state_style(state: TaskState) -> str:
    """Colour of a state."""
    return STYLES[state.value]
