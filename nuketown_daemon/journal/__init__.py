"""The journal: what the agent was asked, what it did, what it has yet to say. SQLite, WAL.

A task is on disk before it is acknowledged, and a message is written down in the transaction that
it reports: whatever is killed when, nothing is lost and nothing is said or done twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from nuketown_daemon.journal.database import Database, Transaction
from nuketown_daemon.journal.message_tables import MessageTables
from nuketown_daemon.journal.question_table import Question, QuestionTable
from nuketown_daemon.journal.steering_table import SteeringTable
from nuketown_daemon.journal.task_table import TaskTable


class Journal:
    """The tables of one file. Every method may raise :class:`JournalError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tasks = TaskTable(database)
        self.messages = MessageTables(database)
        self.questions = QuestionTable(database)
        self.steering = SteeringTable(database)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Journal]:
        """Open or create the journal at ``path``.

        :raises JournalError: it can't be used
        """
        async with Database.open(path) as database:
            yield cls(database)

    def transaction(self, *, durable: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """Changes that are on disk together or not at all.

        :param durable: False: what a power cut may undo, see :meth:`Database.transaction`
        """
        return self._database.transaction(durable=durable)


__all__ = ["Journal", "Question", "QuestionTable", "TaskTable", "Transaction"]
