"""Following one task to its end: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nuketown_cli.errors import CommandError, UnreachableError
from nuketown_cli.output import Output, state_style, task_object
from nuketown_cli.reach import Agent, connect
from nuketown_cli.safe_text import safe_text
from nuketown_cli.watch import event_object
from nuketown_daemon.events import Event
from nuketown_daemon.task import ENDED, Task

if TYPE_CHECKING:
    from rich.status import Status

_QUIET_S = 15.0
"""After so many seconds without an event the daemon is asked: a slow watcher loses some."""
_RECONNECT_S = 60.0
_LISTED = 200
_SPINNER_WIDTH = 2
_SILENT = "the daemon does not answer; waiting for it"


class Follower:
    """Shows what happens to a task of ``watcher``'s agent, which watches already."""

    def __init__(self, output: Output, watcher: Agent, task: Task) -> None:
        self._output = output
        self._watcher = watcher
        self._target = watcher.client.target
        self._task = task
        self._status: Status | None = None
        self._last_line = ""
        self._last_said = ""

    def run(self) -> Task:
        """Return the task as it ended.

        :raises UnreachableError: the daemon went away and did not come back
        """
        try:
            with self._live():
                if self._status is not None:
                    self._show(self._task.state.value)
                while self._task.state not in ENDED:
                    self._step()
        finally:
            self._watcher.client.close()  # after a restart of the daemon it is another
        self._finish()
        return self._task

    def _step(self) -> None:
        try:
            events = self._watcher.events(_QUIET_S)
        except UnreachableError:
            self._reconnect()
            return
        for event in events:
            if self._task.state not in ENDED:
                self._handle(event)
        if not events:
            self._look_up()

    def _handle(self, event: Event) -> None:
        task = event.task
        if task is not None and task.id != self._task.id:
            return
        if self._output.as_json and task is not None:
            self._output.json(event_object(self._watcher.name, event))
        if event.kind == "task" and task is not None:
            # Its prompt may be cut there; nothing here needs the whole one.
            self._task = task
            self._show(event.text or task.state.value)
        elif event.kind == "progress" and task is not None:
            self._show(event.text)
        elif event.kind == "message" and task is not None:
            self._last_said = event.text
            self._output.line(event.text)
        elif event.kind == "presence" and event.show == "away":
            self._show(event.text)

    def _show(self, text: str) -> None:
        line = safe_text(text.strip(), one_line=True)
        if not line or line == self._last_line or self._task.state in ENDED:
            return
        self._last_line = line
        if self._status is not None:
            from rich.text import Text  # noqa: PLC0415

            shown = Text(f"{self._watcher.name}: {line}")
            shown.truncate(self._output.console.width - _SPINNER_WIDTH, overflow="ellipsis")
            self._status.update(shown)
        else:
            self._output.line(f"{self._watcher.name}: {line}")

    def _finish(self) -> None:
        task = self._task
        if self._output.as_json:
            self._output.json(task_object(self._watcher.name, task))
            return
        if task.result and task.result.strip() not in self._last_said:
            self._output.line(task.result)
        cost = f", ${task.cost_usd:.2f}" if task.cost_usd else ""
        self._output.line(f"task {task.id} {task.state}{cost}", state_style(task.state))

    def _reconnect(self) -> None:
        self._watcher.client.close()
        self._show("the daemon went away; waiting for it")
        deadline = time.monotonic() + _RECONNECT_S
        while True:
            try:
                self._watcher = connect(self._target)
                self._watcher.start_watching()
            except UnreachableError as exc:
                self._watcher.client.close()
                if time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                raise UnreachableError(
                    f"{self._watcher.name}: the daemon went away and did not come back: task "
                    f"{self._task.id} is in its journal and will be seen to when it runs again."
                ) from exc
            self._look_up()
            return

    def _look_up(self) -> None:
        """Ask how the task is, over a connection of its own."""
        try:
            with connect(self._target) as agent:
                tasks = agent.tasks(_LISTED)
        except UnreachableError:
            self._show(_SILENT)
            return
        except CommandError:
            return
        for task in tasks:
            if task.id == self._task.id and (
                task.state != self._task.state or self._last_line == _SILENT
            ):
                self._task = task
                self._show(task.state.value)

    @contextlib.contextmanager
    def _live(self) -> Iterator[None]:
        if not self._output.is_terminal:
            yield
            return
        with self._output.console.status("", spinner="dots") as self._status:
            yield
        self._status = None
