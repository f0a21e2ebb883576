"""How a task goes on, as one message that is corrected in place (XEP-0308)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from nuketown_daemon.xmpp.client import AgentClient
from nuketown_daemon.xmpp.contract import ProgressUpdate
from nuketown_daemon.xmpp.rooms import Rooms
from nuketown_daemon.xmpp.writing import progress_stanza

_REMEMBERED = 50
_PERHAPS_LOST_S = 120.0
"""Longer than a dead connection goes unnoticed, in seconds."""


@dataclass
class _Shown:
    """What is shown of one task."""

    wanted: ProgressUpdate
    shown: ProgressUpdate | None = None
    first_id: str | None = None
    last_id: str | None = None
    at: float = float("-inf")


class Progress:
    """Shows the newest text, not faster than every ``interval_s`` seconds per task."""

    def __init__(self, client: AgentClient, rooms: Rooms, *, interval_s: float) -> None:
        self._client = client
        self._rooms = rooms
        self._interval_s = interval_s
        self._tasks: OrderedDict[int, _Shown] = OrderedDict()
        self._changed = asyncio.Event()

    def show(self, update: ProgressUpdate) -> None:
        """Show ``update``, now or as soon as it may be."""
        task = self._tasks.setdefault(update.task_id, _Shown(update))
        task.wanted = update
        self._tasks.move_to_end(update.task_id)
        while len(self._tasks) > _REMEMBERED:
            self._tasks.popitem(last=False)
        self._changed.set()

    def thread_of(self, message_id: str) -> str | None:
        """The thread of the task whose progress message this is, or its newest correction."""
        for task in self._tasks.values():
            if message_id in (task.first_id, task.last_id):
                return task.wanted.thread
        return None

    def session_began(self) -> None:
        """A new session: what was shown just before may have been lost with the old one."""
        now = asyncio.get_running_loop().time()
        for task in self._tasks.values():
            if now - task.at < _PERHAPS_LOST_S:
                task.shown = None
        self._changed.set()

    def wake(self) -> None:
        """A session goes on, a room was entered: show what was held back."""
        self._changed.set()

    async def run(self) -> None:
        """Show for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._client.online.is_set():
                next_s = self._show_due()
                if next_s is not None:
                    asyncio.get_running_loop().call_later(next_s, self._changed.set)

    def _show_due(self) -> float | None:
        """Show what may be shown; when the next may be, in seconds from now."""
        now = asyncio.get_running_loop().time()
        waits = []
        for task in self._tasks.values():
            if task.wanted == task.shown:
                continue
            if task.wanted.in_room and not self._rooms.is_inside(task.wanted.to):
                continue
            wait_s = task.at + self._interval_s - now
            if wait_s > 0:
                waits.append(wait_s)
            else:
                self._send(task, now)
        return min(waits, default=None)

    def _send(self, task: _Shown, now: float) -> None:
        if task.shown is not None and task.shown.to != task.wanted.to:
            task.first_id = None
        stanza = progress_stanza(self._client, task.wanted, task.first_id)
        task.first_id = task.first_id or stanza["id"]
        task.last_id = stanza["id"]
        task.shown = task.wanted
        task.at = now
        stanza.send()
