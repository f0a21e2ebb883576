"""The SQLite file under the journal: schema, transactions, errors (sqlite.org/wal.html)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from nuketown_daemon.errors import JournalError

_VERSION = 1
_SCHEMA = """
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  request TEXT NOT NULL,            -- TaskRequest as JSON
  thread TEXT,
  state TEXT NOT NULL,
  created REAL NOT NULL, started REAL, ended REAL,
  workspace TEXT, base_commit TEXT, branch TEXT,
  session_id TEXT, session_mode TEXT,
  model_started INTEGER NOT NULL DEFAULT 0,  -- the bootstrap may have been paid for
  result TEXT
);
CREATE INDEX tasks_state ON tasks(state);
CREATE INDEX tasks_thread ON tasks(thread);
CREATE TABLE transitions (task_id INTEGER NOT NULL, at REAL NOT NULL, state TEXT NOT NULL);
CREATE TRIGGER task_added AFTER INSERT ON tasks BEGIN
  INSERT INTO transitions VALUES (new.id, (julianday('now') - 2440587.5) * 86400, new.state);
END;
CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks BEGIN
  INSERT INTO transitions VALUES (new.id, (julianday('now') - 2440587.5) * 86400, new.state);
END;
CREATE TABLE spending (
  run TEXT PRIMARY KEY,             -- one process that was paid for
  task_id INTEGER, day TEXT NOT NULL, cost_usd REAL NOT NULL, turns INTEGER NOT NULL
);
CREATE INDEX spending_day ON spending(day);
CREATE INDEX spending_task ON spending(task_id);
CREATE TABLE steering (              -- said in the thread of a running task
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id INTEGER NOT NULL, text TEXT NOT NULL, said REAL NOT NULL, taken REAL
);
CREATE INDEX steering_untaken ON steering(task_id) WHERE taken IS NULL;
CREATE TABLE questions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id INTEGER,                  -- NULL: about a request that was not understood
  asked_of TEXT NOT NULL, thread TEXT, stanza_id TEXT,
  text TEXT NOT NULL, choices TEXT NOT NULL, about TEXT,
  asked REAL NOT NULL, closed REAL, answer TEXT
);
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  recipient TEXT NOT NULL, body TEXT NOT NULL, thread TEXT, in_room INTEGER NOT NULL,
  task_id INTEGER, choices TEXT NOT NULL, stanza_id TEXT NOT NULL UNIQUE,
  attempts INTEGER NOT NULL DEFAULT 0, written REAL NOT NULL, delivered REAL
);
CREATE INDEX outbox_pending ON outbox(id) WHERE delivered IS NULL;
CREATE TABLE seen (key TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Transaction:
    """What a transaction may do; made by :meth:`Database.transaction` only."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self.outbox_grew = False

    async def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement and return the last row's id."""
        async with self._connection.execute(sql, values) as cursor:
            return cursor.lastrowid or 0

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one query."""
        return list(await self._connection.execute_fetchall(sql, values))


class _Lane:
    """One connection, used by one transaction at a time; its work runs in a thread of its own."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection
        self.lock = asyncio.Lock()

    async def finish(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run one statement to its end even if cancelled meanwhile: it can't be called back."""
        running = asyncio.ensure_future(self.connection.execute(sql, values))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise

    async def roll_back(self) -> None:
        """Undo what was begun; its own statements come before this in the connection's queue."""
        with contextlib.suppress(sqlite3.Error):
            await self.connection.execute("SELECT 1")
            if self.connection.in_transaction:
                await self.finish("ROLLBACK")


class Database:
    """The file, by two connections: what has to be on disk does not wait for what need not be."""

    def __init__(
        self, durable: aiosqlite.Connection, lazy: aiosqlite.Connection, path: Path
    ) -> None:
        self._durable = _Lane(durable)
        self._lazy = _Lane(lazy)
        self.path = path
        self.outbox_grew = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Database]:
        """Open or create the file; it is this user's alone.

        :raises JournalError: it can't be opened, is no journal, or is from a newer version
        """
        async with AsyncExitStack() as stack:
            with _translated(path):
                await asyncio.to_thread(_make_private, path)
                durable = await _connect(stack, path)
                await _prepare(durable, path)
                # A task is on disk before it is acknowledged, also when the power fails.
                await durable.execute("PRAGMA synchronous = FULL")
                lazy = await _connect(stack, path)
                await lazy.execute("PRAGMA synchronous = NORMAL")
            yield cls(durable, lazy, path)

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Transaction]:
        """All or nothing; on disk when the context ends without an exception.

        :param durable: False: it survives the end of this process, but not, until the next durable
            one, a power cut (sqlite.org/pragma.html#pragma_synchronous). Nobody waits for the disk.
        :raises JournalError: it could not be written; nothing of it was
        """
        lane = self._durable if durable else self._lazy
        async with lane.lock:
            with _translated(self.path):
                transaction = Transaction(lane.connection)
                try:
                    await lane.finish("BEGIN IMMEDIATE")
                    yield transaction
                    await lane.finish("COMMIT")
                except BaseException:
                    # What failed or was cancelled is what the caller has to hear of.
                    await lane.roll_back()
                    raise
        if transaction.outbox_grew:
            self.outbox_grew.set()

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one query outside a transaction.

        :raises JournalError: the file can't be read
        """
        async with self._durable.lock:
            with _translated(self.path):
                return list(await self._durable.connection.execute_fetchall(sql, values))

    async def execute(self, sql: str, values: Sequence[Any] = (), *, durable: bool = True) -> None:
        """Run one statement as a transaction of its own.

        :raises JournalError: it could not be written
        """
        lane = self._durable if durable else self._lazy
        async with lane.lock:
            with _translated(self.path):
                await lane.finish(sql, values)


class _translated:  # noqa: N801  (reads as what it does: `with _translated(path):`)
    """Turn the database's errors into sentences."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, exc: BaseException | None, traceback: object) -> None:
        if isinstance(exc, sqlite3.Error):
            raise JournalError(
                f"the journal {self._path} can't be used ({exc}): "
                "make room on the disk or mend its permissions."
            ) from exc
        if isinstance(exc, OSError) and not isinstance(exc, TimeoutError):
            raise JournalError(
                f"the journal {self._path} can't be opened ({exc.strerror}): "
                "mend its directory's permissions."
            ) from exc


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


async def _connect(stack: AsyncExitStack, path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=10)
    stack.push_async_callback(connection.close)
    connection.row_factory = sqlite3.Row
    await connection.execute("PRAGMA cache_size = -512")
    return connection


async def _prepare(connection: aiosqlite.Connection, path: Path) -> None:
    await connection.execute("PRAGMA journal_mode = WAL")
    ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
    if version == 0:
        await connection.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;"
        )
    elif version != _VERSION:
        raise JournalError(
            f"the journal {path} has format {version}, this daemon writes {_VERSION}: "
            "start the version of nuketown that wrote it, or move the file away."
        )
