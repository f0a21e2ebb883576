"""What happens in the daemon, as told to everybody who watches: presence, socket, systemd."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pydantic import BaseModel, ConfigDict

from nuketown_daemon.task import Task

_BACKLOG = 1000


class Event(BaseModel):
    """One thing that happened. ``text`` is for people; ``task`` is as it was then."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["task", "progress", "message", "presence"]
    """A task changed state · progress of the running task · something was said to a person ·
    the presence changed (``show`` and ``text``)."""
    at: float
    """Unix seconds."""
    text: str = ""
    task: Task | None = None
    show: str | None = None


class EventStream:
    """Fan-out of events; a subscriber that does not read loses the oldest, nobody waits for it."""

    def __init__(self) -> None:
        self._subscribers: set[asyncio.Queue[Event]] = set()

    def publish(self, event: Event) -> None:
        """Hand ``event`` to every subscriber."""
        for queue in self._subscribers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[Event]]:
        """Receive, in the queue, what is published while the context lasts."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_BACKLOG)
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)
