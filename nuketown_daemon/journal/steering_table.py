"""What people say to a running session, kept until the session has it."""

from __future__ import annotations

import time

from nuketown_daemon.journal.database import Database, Rows, Transaction

_UNHEARD = "SELECT text FROM steering WHERE task_id = ? AND taken IS NULL ORDER BY id"


class SteeringTable:
    """First in, first out, per task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, transaction: Transaction, task_id: int, text: str) -> None:
        """Write down what the session of a task shall hear."""
        transaction.execute(
            "INSERT INTO steering (task_id, text, said) VALUES (?, ?, ?)",
            (task_id, text, time.time()),
        )

    async def taken(self, task_id: int, count: int = 1) -> None:
        """Note that the ``count`` oldest ones were handed to the session."""
        await self._database.write(lambda transaction: self.note_taken(transaction, task_id, count))

    def note_taken(self, transaction: Transaction, task_id: int, count: int) -> None:
        """Like :meth:`taken`, together with something else."""
        transaction.execute(
            "UPDATE steering SET taken = ? WHERE id IN (SELECT id FROM steering"
            " WHERE task_id = ? AND taken IS NULL ORDER BY id LIMIT ?)",
            (time.time(), task_id, count),
        )

    def take_all(self, transaction: Transaction, task_id: int) -> list[str]:
        """Return what the session did not hear and note it as taken."""
        unheard = self.unheard(transaction.rows, task_id)
        transaction.execute(
            "UPDATE steering SET taken = ? WHERE task_id = ? AND taken IS NULL",
            (time.time(), task_id),
        )
        return unheard

    async def untaken(self, task_id: int) -> list[str]:
        """Return what the session has not heard yet, oldest first."""
        return await self._database.read(lambda rows: self.unheard(rows, task_id))

    def unheard(self, rows: Rows, task_id: int) -> list[str]:
        """Like :meth:`untaken`; for :meth:`Database.read`."""
        found = rows(_UNHEARD, (task_id,))
        return [row["text"] for row in found]
