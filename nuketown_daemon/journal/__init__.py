"""The journal: what the agent was asked, what it did, what it has yet to say. SQLite, WAL.

A task is on disk before it is acknowledged, and a message is written down in the transaction that
it reports: whatever is killed when, nothing is lost and nothing is said or done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from nuketown_daemon.errors import JournalError
from nuketown_daemon.journal.database import Database, Rows, Transaction
from nuketown_daemon.journal.message_tables import MessageTables
from nuketown_daemon.journal.question_table import Question, QuestionTable
from nuketown_daemon.journal.steering_table import SteeringTable
from nuketown_daemon.journal.task_table import TaskTable
from nuketown_daemon.journal.unclear_table import UnclearTable
from nuketown_daemon.task import Task

_T = TypeVar("_T")
_FIRST_RETRY_S, _LAST_RETRY_S = 0.2, 5.0
log = structlog.get_logger(__name__)


class Journal:
    """The tables of one file. Every method may raise :class:`JournalError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tasks = TaskTable(database)
        self.messages = MessageTables(database)
        self.questions = QuestionTable(database)
        self.steering = SteeringTable(database)
        self.unclear = UnclearTable(database)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Journal]:
        """Open or create the journal at ``path``.

        :raises JournalError: it can't be used
        """
        async with Database.open(path) as database:
            yield cls(database)

    async def write(self, change: Callable[[Transaction], _T], *, durable: bool = True) -> _T:
        """Make changes that are on disk together or not at all.

        :param change: runs in the journal's thread, see :meth:`Database.write`
        :param durable: False: what a power cut may undo
        """
        return await self._database.write(change, durable=durable)

    async def until_written(
        self, change: Callable[[Transaction], _T], *, durable: bool = True
    ) -> _T:
        """Like :meth:`write`, however long the disk takes to have room."""
        pause_s = _FIRST_RETRY_S
        while True:
            try:
                return await self.write(change, durable=durable)
            except JournalError as exc:
                log.error("the journal can't be written yet", reason=str(exc))  # noqa: TRY400
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LAST_RETRY_S)

    async def next_queued(self) -> tuple[Task, list[str]] | None:
        """The task whose turn it is, and what was said to it that it has not heard yet."""

        def look(rows: Rows) -> tuple[Task, list[str]] | None:
            task = self.tasks.first_queued(rows)
            return (task, self.steering.unheard(rows, task.id)) if task else None

        return await self._database.read(look)


__all__ = ["Journal", "Question", "QuestionTable", "TaskTable", "Transaction"]
