"""The SQLite file under the journal: transactions and errors (sqlite.org/wal.html)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from nuketown_daemon.errors import JournalError
from nuketown_daemon.journal.schema import bring_up_to_date

_T = TypeVar("_T")

_ANOTHER_PROGRAM = "another program works with it, end that one"
_DAMAGED = "stop the daemon and put a backup in its place, or move it away with its -wal and -shm"
_REMEDIES = {
    sqlite3.SQLITE_BUSY: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_LOCKED: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_ERROR: _DAMAGED,  # a table is missing, say
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


class Rows(Protocol):
    """Runs one query."""

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """What ``sql`` finds with ``values``."""


class Transaction:
    """What a transaction may do; made by :meth:`Database.write` only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.committed = False
        self.callbacks: list[Callable[[], object]] = []

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement and return the last row's id."""
        return self._connection.execute(sql, [_storable(v) for v in values]).lastrowid or 0

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one query."""
        return self._connection.execute(sql, values).fetchall()

    def on_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the event loop when the changes are written, and only then."""
        self.callbacks.append(callback)


def _storable(value: Any) -> Any:
    # SQLite takes no half of a surrogate pair, which JSON from a model can hold.
    if isinstance(value, str) and not value.isascii():
        return value.encode(errors="replace").decode()
    return value


class Database:
    """The file, by one connection in a thread of its own, which does one thing after the other.

    Every hand-over to a thread and back costs about as much as a statement, and while the event
    loop is busy ten times that: a whole transaction is one function, handed over once.
    """

    def __init__(
        self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, path: Path
    ) -> None:
        self._connection = connection
        self._thread = thread
        self._durable: bool | None = None
        self.path = path
        self.outbox_grew = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Database]:
        """Open or create the file; it is this user's alone.

        :raises JournalError: it can't be opened, is no journal, is from a newer version, or is
            another daemon's at the moment
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        resources = contextlib.ExitStack()
        try:
            with _translated(path):
                connection = await _finished(thread, partial(_open, path, resources))
            yield cls(connection, thread, path)
        finally:
            await _finished(thread, resources.close)
            thread.shutdown(wait=False)

    async def write(self, change: Callable[[Transaction], _T], *, durable: bool = True) -> _T:
        """Run ``change`` as a transaction: all or nothing, written when this returns.

        A write that is cancelled is finished first: it can't be called back.

        :param change: runs in the journal's thread and touches nothing but the transaction; what
            the event loop shall hear of goes to :meth:`Transaction.on_commit`
        :param durable: False: it survives the end of this process, but not, until the next durable
            one, a power cut (sqlite.org/pragma.html#pragma_synchronous). Nobody waits for the disk.
        :raises JournalError: it could not be written; nothing of it was
        """
        transaction = Transaction(self._connection)
        try:
            with _translated(self.path):
                work = partial(self._commit, transaction, change, durable=durable)
                return await _finished(self._thread, work)
        finally:
            if transaction.committed:
                for callback in transaction.callbacks:
                    callback()

    async def execute(self, sql: str, values: Sequence[Any] = (), *, durable: bool = True) -> None:
        """Run one statement as a transaction of its own.

        :raises JournalError: it could not be written
        """
        await self.write(lambda transaction: transaction.execute(sql, values), durable=durable)

    async def read(self, look: Callable[[Rows], _T]) -> _T:
        """Run ``look`` in the journal's thread; what it is given runs one query.

        :raises JournalError: the file can't be read
        """
        with _translated(self.path):
            return await _finished(self._thread, lambda: look(self._rows))

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one query.

        :raises JournalError: the file can't be read
        """
        return await self.read(lambda rows: rows(sql, values))

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def _commit(
        self, transaction: Transaction, change: Callable[[Transaction], _T], *, durable: bool
    ) -> _T:
        try:
            if durable is not self._durable:
                level = "FULL" if durable else "NORMAL"
                self._connection.execute(f"PRAGMA synchronous = {level}")
                self._durable = durable
            self._connection.execute("BEGIN IMMEDIATE")
            result = change(transaction)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                # What failed is what the caller has to hear of.
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise
        transaction.committed = True
        return result


async def _finished(thread: ThreadPoolExecutor, function: Callable[[], _T]) -> _T:
    """Run ``function`` in ``thread``, to its end even if cancelled meanwhile."""
    running = asyncio.get_running_loop().run_in_executor(thread, function)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # looked at: nobody else will
        raise


class _translated:  # noqa: N801  (reads as what it does: `with _translated(path):`)
    """Turn the database's errors into sentences."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, exc: BaseException | None, traceback: object) -> None:
        if isinstance(exc, sqlite3.Error):
            # The extended codes have more in their upper bytes (sqlite.org/rescode.html).
            code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
            remedy = _REMEDIES.get(code, "make room on the disk or mend its permissions")
            raise JournalError(
                f"the journal {self._path} can't be used ({exc}): {remedy}."
            ) from exc
        if isinstance(exc, OSError) and not isinstance(exc, TimeoutError):
            raise JournalError(
                f"the journal {self._path} can't be opened ({exc.strerror}): "
                "mend its directory's permissions."
            ) from exc


def _open(path: Path, resources: contextlib.ExitStack) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    resources.enter_context(_alone(path))
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    resources.callback(connection.close)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA cache_size = -1024")
    connection.execute("PRAGMA journal_mode = WAL")
    bring_up_to_date(connection, path)
    return connection


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep a second daemon out: it would take this one's tasks up as if this one had crashed."""
    # Not the file itself: whoever closes that loses SQLite's locks on it (fcntl_locking(2)).
    lock = os.open(
        path.with_name(path.name + ".lock"),
        os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o600,
    )
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise JournalError(
                f"another nuketown-daemon works with the journal {path}: stop it first."
            ) from exc
        yield
    finally:
        os.close(lock)
