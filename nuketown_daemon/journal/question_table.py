"""Questions put to people, kept until they are answered or pointless."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass

from nuketown_daemon.journal.database import Database, Transaction


@dataclass(frozen=True)
class Question:
    """One question to one person (or room)."""

    id: int
    task_id: int | None
    """None: about a message that was not understood, which ``about`` holds."""
    asked_of: str
    """Bare JID of who may answer."""
    thread: str | None
    stanza_id: str | None
    """Id of the message that asked, which a reply names."""
    text: str
    choices: tuple[str, ...] = ()
    about: str | None = None
    answer: str | None = None
    """Said while nobody waited for it, and not heard yet by the task."""


class QuestionTable:
    """Open questions survive a restart of the daemon."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, transaction: Transaction, question: Question) -> Question:
        """Write a question down (its ``id`` is ignored) and return it with its id."""
        question_id = transaction.execute(
            "INSERT INTO questions (task_id, asked_of, thread, stanza_id, text, choices, about,"
            " asked) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                question.task_id,
                question.asked_of,
                question.thread,
                question.stanza_id,
                question.text,
                json.dumps(question.choices),
                question.about,
                time.time(),
            ),
        )
        return Question(**{**question.__dict__, "id": question_id})

    async def open_for(self, jid: str) -> list[Question]:
        """Questions that ``jid`` may answer, oldest first."""
        rows = await self._database.rows(
            "SELECT * FROM questions WHERE closed IS NULL AND answer IS NULL AND asked_of = ?"
            " ORDER BY id",
            (jid,),
        )
        return [_question(row) for row in rows]

    async def open_of_task(self, task_id: int) -> list[Question]:
        """Questions of a task that nobody answered yet."""
        return [q for q in await self.unsettled_of_task(task_id) if q.answer is None]

    async def unsettled_of_task(self, task_id: int) -> list[Question]:
        """Questions of a task that nobody answered yet, or whose answer it has not heard."""
        rows = await self._database.rows(
            "SELECT * FROM questions WHERE closed IS NULL AND task_id = ? ORDER BY id", (task_id,)
        )
        return [_question(row) for row in rows]

    def keep_answer(self, transaction: Transaction, question_id: int, answer: str) -> None:
        """Keep what was said for when the question is asked again."""
        transaction.execute(
            "UPDATE questions SET answer = ? WHERE id = ? AND closed IS NULL", (answer, question_id)
        )

    def close(self, transaction: Transaction, question_id: int, answer: str | None) -> None:
        """It was answered, or (None) there is no more need."""
        transaction.execute(
            "UPDATE questions SET closed = ?, answer = ? WHERE id = ? AND closed IS NULL",
            (time.time(), answer, question_id),
        )

    def close_unclear_of(self, transaction: Transaction, jid: str) -> None:
        """A newer message was not understood: the question about the older one is pointless."""
        transaction.execute(
            "UPDATE questions SET closed = ? WHERE task_id IS NULL AND asked_of = ?"
            " AND closed IS NULL",
            (time.time(), jid),
        )

    def close_of_task(self, transaction: Transaction, task_id: int) -> None:
        """The task ended: its questions are pointless."""
        transaction.execute(
            "UPDATE questions SET closed = ? WHERE task_id = ? AND closed IS NULL",
            (time.time(), task_id),
        )


def _question(row: sqlite3.Row) -> Question:
    return Question(
        id=row["id"],
        task_id=row["task_id"],
        asked_of=row["asked_of"],
        thread=row["thread"],
        stanza_id=row["stanza_id"],
        text=row["text"],
        choices=tuple(json.loads(row["choices"])),
        about=row["about"],
        answer=row["answer"],
    )
