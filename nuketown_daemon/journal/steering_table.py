"""What people say to a running session, kept until the session has it."""

from __future__ import annotations

import time

from nuketown_daemon.journal.database import Database, Transaction


class SteeringTable:
    """First in, first out, per task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, transaction: Transaction, task_id: int, text: str) -> None:
        """Write down what the session of a task shall hear."""
        await transaction.execute(
            "INSERT INTO steering (task_id, text, said) VALUES (?, ?, ?)",
            (task_id, text, time.time()),
        )

    async def taken(self, task_id: int) -> None:
        """Note that the oldest one was handed to the session."""
        await self._database.execute(
            "UPDATE steering SET taken = ? WHERE id = "
            "(SELECT min(id) FROM steering WHERE task_id = ? AND taken IS NULL)",
            (time.time(), task_id),
        )

    async def take_all(self, transaction: Transaction, task_id: int) -> list[str]:
        """Return what the session did not hear and note it as taken."""
        rows = await transaction.rows(
            "SELECT text FROM steering WHERE task_id = ? AND taken IS NULL ORDER BY id", (task_id,)
        )
        await transaction.execute(
            "UPDATE steering SET taken = ? WHERE task_id = ? AND taken IS NULL",
            (time.time(), task_id),
        )
        return [row["text"] for row in rows]

    async def untaken(self, task_id: int) -> list[str]:
        """Return what the session has not heard yet, oldest first."""
        rows = await self._database.rows(
            "SELECT text FROM steering WHERE task_id = ? AND taken IS NULL ORDER BY id", (task_id,)
        )
        return [row["text"] for row in rows]
