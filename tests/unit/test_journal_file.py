"""The journal's file: an older one, a damaged one, one that somebody else holds."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from nuketown_daemon.errors import JournalError
from nuketown_daemon.journal import Journal
from nuketown_daemon.journal.database import Database
from nuketown_daemon.task import TaskRequest, TaskState

_FIRST_VERSION = """
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, thread TEXT, state TEXT NOT NULL,
  created REAL NOT NULL, started REAL, ended REAL, workspace TEXT, base_commit TEXT, branch TEXT,
  session_id TEXT, session_mode TEXT, model_started INTEGER NOT NULL DEFAULT 0, result TEXT
);
CREATE INDEX tasks_state ON tasks(state);
CREATE INDEX tasks_thread ON tasks(thread);
CREATE TABLE transitions (task_id INTEGER NOT NULL, at REAL NOT NULL, state TEXT NOT NULL);
CREATE TABLE spending (
  run TEXT PRIMARY KEY, task_id INTEGER, day TEXT NOT NULL, cost_usd REAL NOT NULL,
  turns INTEGER NOT NULL
);
CREATE INDEX spending_day ON spending(day);
CREATE INDEX spending_task ON spending(task_id);
CREATE TABLE questions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER, asked_of TEXT NOT NULL, thread TEXT,
  stanza_id TEXT, text TEXT NOT NULL, choices TEXT NOT NULL, about TEXT, asked REAL NOT NULL,
  closed REAL, answer TEXT
);
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, body TEXT NOT NULL, thread TEXT,
  in_room INTEGER NOT NULL, task_id INTEGER, choices TEXT NOT NULL, stanza_id TEXT NOT NULL UNIQUE,
  attempts INTEGER NOT NULL DEFAULT 0, written REAL NOT NULL, delivered REAL
);
CREATE INDEX outbox_pending ON outbox(id) WHERE delivered IS NULL;
CREATE TABLE seen (key TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


def _request(prompt: str) -> TaskRequest:
    return TaskRequest(project="hello", prompt=prompt, source="dm", requester="josh@example.org")


def _schema(path: Path) -> set[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
        columns = connection.execute("SELECT 'column', name FROM pragma_table_info('tasks')")
        return {*names, *columns.fetchall(), *connection.execute("PRAGMA user_version").fetchall()}


async def test_a_journal_of_the_first_version_goes_on(tmp_path: Path) -> None:
    path, new = tmp_path / "journal.sqlite3", tmp_path / "new.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(_FIRST_VERSION)
        connection.execute(
            "INSERT INTO tasks (request, state, created) VALUES (?, 'queued', 1)",
            (_request("from then").model_dump_json(),),
        )
        connection.commit()
    async with Journal.open(path) as journal:
        found = await journal.next_queued()
        assert found is not None
        task_id = found[0].id
        await journal.write(lambda t: journal.tasks.move(t, task_id, TaskState.PREPARING))
        await journal.write(lambda t: journal.tasks.ask_stop(t, task_id))
        assert await journal.tasks.stop_asked(task_id)
    async with Journal.open(path) as journal, Journal.open(new):
        assert [t.id for t in await journal.tasks.in_states(TaskState.PREPARING)] == [task_id]
    assert _schema(path) == _schema(new)


async def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(_FIRST_VERSION + "ALTER TABLE tasks ADD COLUMN stop_asked REAL;")
    before = _schema(path)
    with pytest.raises(JournalError, match=r"duplicate column.* put a backup"):
        async with Journal.open(path):
            pass
    assert _schema(path) == before


@pytest.mark.fault
async def test_a_second_daemon_is_kept_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    async with Journal.open(path) as journal:
        with pytest.raises(JournalError, match="another nuketown-daemon works with the journal"):
            async with Journal.open(path):
                pass
        assert await journal.next_queued() is None
    async with Journal.open(path):
        pass


@pytest.mark.fault
async def test_what_is_wrong_with_the_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    async with Database.open(path) as database:
        await database.rows("PRAGMA busy_timeout = 1")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match=r"locked\): another program works with it"):
                await database.execute("DELETE FROM seen")
        await database.execute("DELETE FROM seen")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(JournalError, match=r"malformed\): .* put a backup in its place"):
        async with Database.open(path) as database:
            await database.rows("SELECT * FROM tasks")
