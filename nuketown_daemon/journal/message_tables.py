"""What was said: the outbox, and what was heard before. Implements xmpp.contract.MessageStore."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time

from nuketown_daemon.chat import IncomingMessage, OutgoingMessage
from nuketown_daemon.journal.database import Database, Transaction
from nuketown_daemon.xmpp.contract import OutboxEntry

_KEEP_S = 90 * 86400.0
_CURSOR = "archive"


class MessageTables:
    """Outbox, messages seen, and the place in the archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, transaction: Transaction, message: OutgoingMessage) -> str:
        """Write down what must arrive; it is sent after the transaction. Returns its stanza id."""
        stanza_id = secrets.token_hex(12)
        transaction.execute(
            "INSERT INTO outbox (recipient, body, thread, in_room, task_id, choices, stanza_id,"
            " written) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message.to,
                # SQLite takes no half of a surrogate pair, which JSON from a model can hold.
                message.body.encode(errors="replace").decode(),
                message.thread,
                message.in_room,
                message.task_id,
                json.dumps(message.choices),
                stanza_id,
                time.time(),
            ),
        )
        transaction.on_commit(self._database.outbox_grew.set)
        return stanza_id

    async def outbox(self) -> list[OutboxEntry]:
        """Messages that the server has not acknowledged, oldest first."""
        rows = await self._database.rows(
            "SELECT * FROM outbox WHERE delivered IS NULL ORDER BY id LIMIT 500"
        )
        return [_entry(row) for row in rows]

    async def outbox_attempted(self, entry_id: int) -> None:
        """It is about to be handed to the stream."""
        # A power cut that undoes this makes it a message sent twice, with one id; not worth making
        # every task wait for the disk.
        await self._database.execute(
            "UPDATE outbox SET attempts = attempts + 1 WHERE id = ?", (entry_id,), durable=False
        )

    async def outbox_delivered(self, entry_id: int) -> None:
        """The server has it."""
        await self._database.execute(
            "UPDATE outbox SET delivered = ? WHERE id = ?",
            (time.time(), entry_id),
            durable=False,  # undone, the archive says that it arrived
        )

    async def outbox_bounced(self, stanza_id: str, sender: str) -> bool:
        """``sender`` sent it back: it waits again. False: it is no message of ours to them."""

        def take_back(transaction: Transaction) -> bool:
            which = (stanza_id, sender)
            known = transaction.rows(
                "SELECT 1 FROM outbox WHERE stanza_id = ? AND recipient = ?", which
            )
            # As if never sent: the own archive has it, and would tell that it arrived.
            transaction.execute(
                "UPDATE outbox SET delivered = NULL, attempts = 0"
                " WHERE stanza_id = ? AND recipient = ?",
                which,
            )
            return bool(known)

        return await self._database.write(take_back)

    async def outbox_changed(self) -> None:
        """Wait until something was added to the outbox since the last call."""
        await self._database.outbox_grew.wait()
        self._database.outbox_grew.clear()

    async def task_of(self, stanza_id: str) -> int | None:
        """The task that a message of ours was about (a reply names the message)."""
        rows = await self._database.rows(
            "SELECT task_id FROM outbox WHERE stanza_id = ?", (stanza_id,)
        )
        return rows[0][0] if rows else None

    def mark_seen(self, transaction: Transaction, message: IncomingMessage) -> None:
        """Note that a message was handled, in the transaction that does what it asks for."""
        now = time.time()
        archive_key, sender_key = _keys(message)
        transaction.execute(
            "INSERT OR REPLACE INTO seen (key, at) VALUES (?, ?), (?, ?)",
            (archive_key, now, sender_key, now),
        )
        if message.archive_id:
            _set_cursor(transaction, message.archive_id)

    async def has_seen(self, message: IncomingMessage) -> bool:
        """Was it handled before?

        Clients may start counting their ids anew, so the sender's id counts only for messages
        that were stored on the way and come a second time.
        """
        archive_key, sender_key = _keys(message)
        keys = [archive_key] if message.archive_id else []
        if message.delayed or not message.archive_id:
            keys.append(sender_key)
        if not message.delayed and not message.archive_id:
            return False
        marks = ", ".join("?" * len(keys))
        rows = await self._database.rows(
            f"SELECT 1 FROM seen WHERE key IN ({marks})",
            keys,
        )
        return bool(rows)

    async def archive_cursor(self) -> str | None:
        """Archive id of the last message that was handled."""
        rows = await self._database.rows("SELECT value FROM cursors WHERE name = ?", (_CURSOR,))
        return rows[0][0] if rows else None

    async def set_archive_cursor(self, archive_id: str) -> None:
        """Start here: what is older is none of our business."""
        await self._database.write(lambda transaction: _set_cursor(transaction, archive_id))

    async def prune(self) -> None:
        """Forget what was delivered or seen more than 90 days ago."""
        horizon = time.time() - _KEEP_S
        await self._database.execute("DELETE FROM outbox WHERE delivered < ?", (horizon,))
        await self._database.execute("DELETE FROM seen WHERE at < ?", (horizon,))


def _set_cursor(transaction: Transaction, archive_id: str) -> None:
    transaction.execute(
        "INSERT OR REPLACE INTO cursors (name, value) VALUES (?, ?)", (_CURSOR, archive_id)
    )


def _keys(message: IncomingMessage) -> tuple[str, str]:
    said = json.dumps([message.sender, message.room, message.message_id, message.body])
    return (
        f"archive:{message.room or ''}:{message.archive_id}",
        f"said:{hashlib.sha256(said.encode()).hexdigest()}",
    )


def _entry(row: sqlite3.Row) -> OutboxEntry:
    return OutboxEntry(
        id=row["id"],
        message=OutgoingMessage(
            to=row["recipient"],
            body=row["body"],
            thread=row["thread"],
            in_room=bool(row["in_room"]),
            task_id=row["task_id"],
            choices=tuple(json.loads(row["choices"])),
        ),
        stanza_id=row["stanza_id"],
        attempts=row["attempts"],
    )
