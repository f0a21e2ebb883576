"""The tables of the journal, and how an older file gets them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from nuketown_daemon.errors import JournalError

_VERSION = 3
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
  result TEXT,
  stop_asked REAL                   -- somebody said stop while it ran
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
CREATE TABLE unclear (               -- heard, and put to a model before anything comes of it
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sender TEXT NOT NULL, message TEXT NOT NULL  -- IncomingMessage as JSON
);
CREATE TABLE seen (key TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

# What makes the next version of the one that is the key. The first one had no steering and no
# triggers in the beginning.
_NEXT = {
    1: """
CREATE TABLE IF NOT EXISTS steering (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id INTEGER NOT NULL, text TEXT NOT NULL, said REAL NOT NULL, taken REAL
);
CREATE INDEX IF NOT EXISTS steering_untaken ON steering(task_id) WHERE taken IS NULL;
CREATE TRIGGER IF NOT EXISTS task_added AFTER INSERT ON tasks BEGIN
  INSERT INTO transitions VALUES (new.id, (julianday('now') - 2440587.5) * 86400, new.state);
END;
CREATE TRIGGER IF NOT EXISTS task_moved AFTER UPDATE OF state ON tasks BEGIN
  INSERT INTO transitions VALUES (new.id, (julianday('now') - 2440587.5) * 86400, new.state);
END;
ALTER TABLE tasks ADD COLUMN stop_asked REAL;
""",
    2: """
CREATE TABLE unclear (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sender TEXT NOT NULL, message TEXT NOT NULL
);
""",
}


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or of an older file's tables today's; all of it or nothing.

    :raises JournalError: the file is from a newer version
    """
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    if version > _VERSION:
        raise JournalError(
            f"the journal {path} has format {version}, this daemon writes {_VERSION}: "
            "start the version of nuketown that wrote it, or move the file away."
        )
    missing = [_NEXT[older] for older in range(version, _VERSION)] if version else [_SCHEMA]
    if missing:
        connection.executescript(
            f"BEGIN IMMEDIATE; {''.join(missing)} PRAGMA user_version = {_VERSION}; COMMIT;"
        )
