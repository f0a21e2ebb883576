"""Messages that a model is asked about: heard, and no task and no question yet."""

from __future__ import annotations

import json
from dataclasses import asdict

from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.journal.database import Database, Transaction


class UnclearTable:
    """First in, first out. What is in it was noted as seen, and is nowhere else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, transaction: Transaction, message: IncomingMessage) -> None:
        """Write a message down that has to wait for a model."""
        transaction.execute(
            "INSERT INTO unclear (sender, message) VALUES (?, ?)",
            (message.sender, json.dumps(asdict(message))),
        )

    async def waiting(self, sender: str | None = None) -> list[tuple[int, IncomingMessage]]:
        """All of them (of ``sender``) with their numbers, oldest first."""
        rows = await self._database.rows(
            "SELECT id, message FROM unclear WHERE sender = coalesce(?, sender) ORDER BY id",
            (sender,),
        )
        return [(row["id"], IncomingMessage(**json.loads(row["message"]))) for row in rows]

    def take(self, transaction: Transaction, number: int) -> bool:
        """Take one out, in the transaction that does what it asks for; False: it is gone."""
        there = transaction.rows("SELECT 1 FROM unclear WHERE id = ?", (number,))
        transaction.execute("DELETE FROM unclear WHERE id = ?", (number,))
        return bool(there)
