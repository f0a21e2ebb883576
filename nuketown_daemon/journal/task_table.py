"""Tasks, their transitions, and what they cost."""

from __future__ import annotations

import datetime
import json
import sqlite3
import time
from typing import Any

from pydantic import ValidationError

from nuketown_daemon.errors import JournalError
from nuketown_daemon.journal.database import Database, Rows, Transaction
from nuketown_daemon.task import (
    ACTIVE,
    ENDED,
    Mode,
    Task,
    TaskRequest,
    TaskState,
    check_transition,
)

_SELECT = """
SELECT tasks.*, coalesce(sum(cost_usd), 0) AS cost_usd, coalesce(sum(turns), 0) AS turns
FROM tasks LEFT JOIN spending ON spending.task_id = tasks.id
"""
_FIELDS = frozenset(TaskRequest.model_fields)
_FACTS = frozenset(
    {"workspace", "base_commit", "branch", "session_id", "session_mode", "model_started", "result"}
)


class TaskTable:
    """The queue and its history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, transaction: Transaction, request: TaskRequest) -> Task:
        """Write a request down as a queued task."""
        now = time.time()
        task_id = transaction.execute(
            "INSERT INTO tasks (request, thread, state, created) VALUES (?, ?, ?, ?)",
            (request.model_dump_json(), request.thread, TaskState.QUEUED, now),
        )
        return Task(id=task_id, request=request, created=now)

    def move(self, transaction: Transaction, task_id: int, state: TaskState, **facts: Any) -> Task:
        """Take a task to ``state``, with what became known on the way.

        :raises TransitionError: it can't go there from where it is
        """
        task = self._one(transaction, task_id)
        check_transition(task.state, state)
        now = time.time()
        changes: dict[str, Any] = {"state": state, **_checked(facts)}
        if state in ACTIVE and task.started is None:
            changes["started"] = now
        if state in ENDED:
            changes["ended"] = now
        self._update(transaction, task_id, changes)
        changes.pop("model_started", None)
        return task.model_copy(update=changes)

    def state_of(self, transaction: Transaction, task_id: int) -> TaskState:
        """Where a task is at this moment of the transaction."""
        return self._one(transaction, task_id).state

    async def note(self, task_id: int, **facts: Any) -> Task:
        """Write down what became known about a task, its state unchanged."""
        changes = _checked(facts)

        def write(transaction: Transaction) -> Task:
            self._update(transaction, task_id, changes)
            return self._one(transaction, task_id)

        return await self._database.write(write)

    async def get(self, task_id: int) -> Task | None:
        """Look one up."""
        rows = await self._database.rows(
            f"{_SELECT} WHERE tasks.id = ? GROUP BY tasks.id", (task_id,)
        )
        return _task(rows[0]) if rows else None

    async def in_states(self, *states: TaskState) -> list[Task]:
        """All tasks in these states, oldest first."""
        marks = ", ".join("?" * len(states))
        rows = await self._database.rows(
            f"{_SELECT} WHERE state IN ({marks}) GROUP BY tasks.id ORDER BY tasks.id",
            states,
        )
        return [_task(row) for row in rows]

    def first_queued(self, rows: Rows) -> Task | None:
        """The one whose turn it is; for :meth:`Database.read`."""
        found = rows(
            f"{_SELECT} WHERE tasks.id = (SELECT min(id) FROM tasks WHERE state = ?)"
            " GROUP BY tasks.id",
            (TaskState.QUEUED,),
        )
        return _task(found[0]) if found else None

    async def count(self, *states: TaskState) -> int:
        """How many tasks are in these states."""
        marks = ", ".join("?" * len(states))
        rows = await self._database.rows(
            f"SELECT count(*) FROM tasks WHERE state IN ({marks})",
            states,
        )
        return int(rows[0][0])

    async def newest(self, limit: int) -> list[Task]:
        """The newest ``limit`` tasks and all that have not ended, oldest first."""
        rows = await self._database.rows(
            f"{_SELECT} WHERE state IN ('queued', 'preparing', 'running') OR tasks.id IN "
            "(SELECT id FROM tasks ORDER BY id DESC LIMIT ?) GROUP BY tasks.id ORDER BY tasks.id",
            (limit,),
        )
        return [_task(row) for row in rows]

    async def newest_in_thread(self, thread: str, requester: str) -> Task | None:
        """The last task that was asked for in a thread of conversation.

        :param requester: whose own tasks come first: others can use the same thread, and what
            somebody says there is about what he asked for
        """
        rows = await self._database.rows(
            f"{_SELECT} WHERE tasks.id = (SELECT id FROM tasks WHERE thread = ?"
            " ORDER BY json_extract(request, '$.requester') = ? DESC, id DESC LIMIT 1)"
            " GROUP BY tasks.id",
            (thread, requester),
        )
        return _task(rows[0]) if rows else None

    async def model_started(self, task_id: int) -> bool:
        """Was its bootstrap begun, so that it may have been paid for?"""
        rows = await self._database.rows("SELECT model_started FROM tasks WHERE id = ?", (task_id,))
        return bool(rows and rows[0][0])

    def ask_stop(self, transaction: Transaction, task_id: int) -> None:
        """Somebody said stop: whatever happens to this process, the task does not go on."""
        self._update(transaction, task_id, {"stop_asked": time.time()})

    async def stop_asked(self, task_id: int) -> bool:
        """Was it told to stop, in this process or an earlier one?"""
        rows = await self._database.rows("SELECT stop_asked FROM tasks WHERE id = ?", (task_id,))
        return bool(rows and rows[0][0])

    async def spent(self, run: str, task_id: int | None, cost_usd: float, turns: int) -> None:
        """Note the total so far, in US dollars, of the process ``run``; the larger note stays."""
        await self._database.write(
            lambda transaction: self.note_spent(transaction, run, task_id, cost_usd, turns)
        )

    def note_spent(
        self, transaction: Transaction, run: str, task_id: int | None, cost_usd: float, turns: int
    ) -> None:
        """Like :meth:`spent`, together with something else."""
        day = datetime.date.today().isoformat()  # noqa: DTZ011  (a budget's day is the local one)
        transaction.execute(
            "INSERT INTO spending (run, task_id, day, cost_usd, turns) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (run) DO UPDATE SET cost_usd = max(cost_usd, excluded.cost_usd),"
            " turns = max(turns, excluded.turns)",
            (run, task_id, day, cost_usd, turns),
        )

    async def spent_today(self) -> float:
        """US dollars since local midnight."""
        day = datetime.date.today().isoformat()  # noqa: DTZ011
        rows = await self._database.rows(
            "SELECT coalesce(sum(cost_usd), 0) FROM spending WHERE day = ?", (day,)
        )
        return float(rows[0][0])

    def _one(self, transaction: Transaction, task_id: int) -> Task:
        rows = transaction.rows(f"{_SELECT} WHERE tasks.id = ? GROUP BY tasks.id", (task_id,))
        if not rows:
            raise JournalError(f"there is no task {task_id}.")
        return _task(rows[0])

    def _update(self, transaction: Transaction, task_id: int, changes: dict[str, Any]) -> None:
        columns = ", ".join(f"{name} = ?" for name in changes)
        transaction.execute(
            f"UPDATE tasks SET {columns} WHERE id = ?", (*changes.values(), task_id)
        )


def _checked(facts: dict[str, Any]) -> dict[str, Any]:
    unknown = facts.keys() - _FACTS
    if unknown:
        raise JournalError(f"tasks have no column {sorted(unknown)}.")
    return facts


def _request(text: str) -> TaskRequest:
    try:
        return TaskRequest.model_validate_json(text)
    except ValidationError:
        # From a version with other rules. One such task must not keep the daemon from the others;
        # its names are checked again where they are used.
        facts = {name: value for name, value in json.loads(text).items() if name in _FIELDS}
        if facts.get("mode") is not None:
            facts["mode"] = Mode(facts["mode"])
        return TaskRequest.model_construct(**facts)


def _task(row: sqlite3.Row) -> Task:
    return Task(
        id=row["id"],
        request=_request(row["request"]),
        state=TaskState(row["state"]),
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
        workspace=row["workspace"],
        base_commit=row["base_commit"],
        branch=row["branch"],
        session_id=row["session_id"],
        session_mode=Mode(row["session_mode"]) if row["session_mode"] else None,
        cost_usd=row["cost_usd"],
        turns=row["turns"],
        result=row["result"],
    )
