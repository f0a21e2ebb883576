"""What the agent does right now, told in one place to presence, systemd and watchers."""

from __future__ import annotations

import time
from collections.abc import Callable

from nuketown_daemon.events import Event, EventStream
from nuketown_daemon.presence import Presence, presence_of
from nuketown_daemon.task import Task


class StatusBoard:
    """Holds the state that the presence is computed from."""

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self._listeners: list[Callable[[Presence], None]] = []
        self._working_on: str | None = None
        self._waiting_for: str | None = None
        self._approval: str | None = None

    @property
    def presence(self) -> Presence:
        """The line of the seed's table that holds now."""
        return presence_of(self._working_on, self._approval or self._waiting_for)

    def on_change(self, listener: Callable[[Presence], None]) -> None:
        """Call ``listener`` now and at every change."""
        self._listeners.append(listener)
        listener(self.presence)

    def working_on(self, task: Task | None) -> None:
        """Show a task, or that there is none."""
        self._update(task.title if task else None, None)

    def waiting_for(self, reason: str | None) -> None:
        """Show that the task waits for something, or no longer."""
        self._update(self._working_on, reason)

    def approval_pending(self, reason: str | None) -> None:
        """Show that a request of the agent waits for a human (``sudo approval``), or no longer."""
        before = self.presence
        self._approval = reason
        self._tell(before)

    def task_changed(self, task: Task) -> None:
        """Tell the watchers that a task is in another state."""
        self._events.publish(
            Event(kind="task", at=time.time(), task=task, text=f"task {task.id} is {task.state}")
        )

    def progress(self, task: Task, text: str) -> None:
        """Tell the watchers how a task goes on."""
        self._events.publish(Event(kind="progress", at=time.time(), task=task, text=text))

    def said(self, text: str, task: Task | None) -> None:
        """Tell the watchers what people were told."""
        self._events.publish(Event(kind="message", at=time.time(), task=task, text=text))

    def _update(self, working_on: str | None, waiting_for: str | None) -> None:
        before = self.presence
        self._working_on, self._waiting_for = working_on, waiting_for
        self._tell(before)

    def _tell(self, before: Presence) -> None:
        presence = self.presence
        if presence == before:
            return
        for listener in self._listeners:
            listener(presence)
        self._events.publish(
            Event(kind="presence", at=time.time(), text=presence.status, show=presence.show)
        )
