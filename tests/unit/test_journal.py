"""The journal: everything on disk or nothing, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuketown_daemon.chat import IncomingMessage, OutgoingMessage
from nuketown_daemon.errors import JournalError, TransitionError
from nuketown_daemon.journal import Journal, Question, Transaction
from nuketown_daemon.task import TaskRequest, TaskState


def _request(prompt: str = "x", **facts: str) -> TaskRequest:
    return TaskRequest(
        project="hello", prompt=prompt, source="dm", requester="josh@example.org", **facts
    )  # type: ignore[arg-type]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal.open(tmp_path / "journal.sqlite3") as opened:
        yield opened


async def _add(journal: Journal, prompt: str = "x", **facts: str) -> int:
    task = await journal.write(lambda t: journal.tasks.add(t, _request(prompt, **facts)))
    return task.id


async def _move(journal: Journal, task_id: int, state: TaskState) -> None:
    await journal.write(lambda t: journal.tasks.move(t, task_id, state))


async def test_the_queue_is_as_it_was_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.sqlite3"
    async with Journal.open(path) as journal:
        first, second = await _add(journal, "one"), await _add(journal, "two")
        await _move(journal, first, TaskState.PREPARING)
    assert path.stat().st_mode & 0o777 == 0o600
    async with Journal.open(path) as journal:
        preparing = await journal.tasks.in_states(TaskState.PREPARING)
        assert [task.request.prompt for task in preparing] == ["one"]
        following = await journal.next_queued()
        assert following is not None
        assert following[0].id == second


async def test_half_a_surrogate_pair_can_be_kept(journal: Journal) -> None:
    """A model's JSON may hold one; the end of a task must be written whatever it said."""
    task_id = await _add(journal)
    half = "cut: \ud83d"
    question = Question(0, task_id, "josh@example.org", None, None, half)
    for write in (
        lambda t: journal.steering.add(t, task_id, half),
        lambda t: journal.questions.add(t, question),
        lambda t: journal.tasks.move(t, task_id, TaskState.FAILED, result=half),
    ):
        await journal.write(write)
    task = await journal.tasks.get(task_id)
    assert task is not None
    assert task.result == "cut: ?"
    assert await journal.steering.untaken(task_id) == ["cut: ?"]


async def test_what_fails_in_a_transaction_takes_all_of_it_back(journal: Journal) -> None:
    heard: list[str] = []

    def fail(transaction: Transaction) -> None:
        journal.tasks.add(transaction, _request())
        journal.messages.add(transaction, OutgoingMessage("josh@example.org", "On it."))
        transaction.on_commit(lambda: heard.append("written"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await journal.write(fail)
    assert await journal.tasks.newest(10) == []
    assert await journal.messages.outbox() == []
    assert heard == []
    await _add(journal)


async def test_a_write_that_is_cancelled_is_finished_and_told(journal: Journal) -> None:
    begun, proceed = threading.Event(), threading.Event()
    heard: list[str] = []

    def write(transaction: Transaction) -> None:
        journal.tasks.add(transaction, _request())
        transaction.on_commit(lambda: heard.append(threading.current_thread().name))
        begun.set()
        assert proceed.wait(10)

    task = asyncio.create_task(journal.write(write))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    proceed.set()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    assert heard == ["MainThread"]
    assert await journal.tasks.count(TaskState.QUEUED) == 1


async def test_the_event_loop_goes_on_while_the_journal_waits(journal: Journal) -> None:
    """Another program holds the file's lock, as a slow disk would hold the writer."""
    ticks = 0
    with contextlib.closing(sqlite3.connect(journal._database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(_add(journal))
        while ticks < 20:
            await asyncio.sleep(0.005)
            ticks += 1
        assert not writing.done()
        other.execute("COMMIT")
    await asyncio.wait_for(writing, 10)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
async def test_only_what_must_be_on_disk_waits_for_it(
    journal: Journal, *, before: bool, durable: bool, level: int
) -> None:
    """Whatever was written before (sqlite.org/pragma.html#pragma_synchronous)."""
    await journal.write(lambda _: None, durable=before)
    rows = await journal.write(lambda t: t.rows("PRAGMA synchronous"), durable=durable)
    assert [tuple(row) for row in rows] == [(level,)]


async def test_no_way_back_from_an_end(journal: Journal) -> None:
    task_id = await _add(journal)
    await _move(journal, task_id, TaskState.CANCELLED)
    with pytest.raises(TransitionError):
        await _move(journal, task_id, TaskState.PREPARING)


async def test_costs_are_counted_once_per_process(journal: Journal) -> None:
    task_id = await _add(journal)
    for total in (0.01, 0.03, 0.03):
        await journal.tasks.spent("a", task_id, total, 2)
    await journal.tasks.spent("b", task_id, 0.10, 3)
    await journal.tasks.spent("intake", None, 0.5, 1)
    task = await journal.tasks.get(task_id)
    assert task is not None
    assert task.cost_usd == pytest.approx(0.13)
    assert task.turns == 5
    assert await journal.tasks.spent_today() == pytest.approx(0.63)


def _message(**facts: object) -> IncomingMessage:
    return IncomingMessage(sender="josh@example.org", body="status", **facts)  # type: ignore[arg-type]


async def _see(journal: Journal, message: IncomingMessage) -> None:
    await journal.write(lambda transaction: journal.messages.mark_seen(transaction, message))


async def test_a_message_is_handled_once_whichever_way_it_comes(journal: Journal) -> None:
    live = _message(message_id="1", archive_id="A")
    await _see(journal, live)
    assert await journal.messages.has_seen(live)
    assert await journal.messages.has_seen(_message(message_id="1", archive_id="A", delayed=True))
    # From offline storage, where the server adds no archive id:
    assert await journal.messages.has_seen(_message(message_id="1", delayed=True))
    assert await journal.messages.archive_cursor() == "A"


async def test_a_client_that_counts_anew_is_heard_again(journal: Journal) -> None:
    await _see(journal, _message(message_id="1", archive_id="A"))
    assert not await journal.messages.has_seen(_message(message_id="1", archive_id="B"))
    await _see(journal, _message(message_id="2"))
    assert not await journal.messages.has_seen(_message(message_id="2"))


async def test_the_outbox_keeps_what_was_not_acknowledged(journal: Journal) -> None:
    message = OutgoingMessage("josh@example.org", "Done.", "t", task_id=4, choices=("yes", "no"))
    stanza_id = await journal.write(lambda t: journal.messages.add(t, message))
    await asyncio.wait_for(journal.messages.outbox_changed(), 1)
    (entry,) = await journal.messages.outbox()
    assert (entry.message, entry.stanza_id, entry.attempts) == (message, stanza_id, 0)
    await journal.messages.outbox_attempted(entry.id)
    assert (await journal.messages.outbox())[0].attempts == 1
    await journal.messages.outbox_delivered(entry.id)
    assert await journal.messages.outbox() == []
    assert await journal.messages.task_of(stanza_id) == 4


async def test_questions_stay_open_until_answered(journal: Journal) -> None:
    asked = Question(0, 7, "josh@example.org", "t", "s", "Which?", ("a", "b"))
    question = await journal.write(lambda t: journal.questions.add(t, asked))
    assert await journal.questions.open_for("josh@example.org") == [question]
    assert await journal.questions.open_for("eve@example.org") == []
    await journal.write(lambda t: journal.questions.close(t, question.id, "a"))
    assert await journal.questions.open_of_task(7) == []


async def test_a_newer_journal_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="format 99"):
        async with Journal.open(path):
            pass


async def test_a_file_that_is_no_journal_gets_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_text("this is not a database, " * 100)
    with pytest.raises(JournalError, match=r"journal\.sqlite3 can't be used"):
        async with Journal.open(path):
            pass


@pytest.mark.fault
async def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    """SQLite's own limit on the file stands for the disk's: the same SQLITE_FULL comes back."""
    async with Journal.open(tmp_path / "journal.sqlite3") as journal:
        kept = await _add(journal, "kept")
        pages = (await journal._database.rows("PRAGMA page_count"))[0][0]
        await journal._database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalError, match="make room on the disk"):
            await _add(journal, "x" * 60_000)
        assert [task.id for task in await journal.tasks.newest(10)] == [kept]
        await journal._database.rows(f"PRAGMA max_page_count = {pages + 100}")
        await _add(journal, "x" * 60_000)
        assert await journal.tasks.count(TaskState.QUEUED) == 2


_WRITER = """
import asyncio, sys
from pathlib import Path
from nuketown_daemon.journal import Journal
from nuketown_daemon.task import TaskRequest

async def main():
    async with Journal.open(Path(sys.argv[1])) as journal:
        for number in range(100000):
            request = TaskRequest(project="p", prompt=str(number), source="dm", requester="j@x.org")
            task = await journal.write(lambda t: journal.tasks.add(t, request))
            print(task.id, flush=True)

asyncio.run(main())
"""


@pytest.mark.fault
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.stdout.close()
    writer.wait(10)
    async with Journal.open(path) as journal:
        kept = [task.id for task in await journal.tasks.in_states(TaskState.QUEUED)]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1


async def test_steering_is_kept_until_the_session_has_it(journal: Journal) -> None:
    task_id = await _add(journal)

    def say(transaction: Transaction) -> None:
        journal.steering.add(transaction, task_id, "first")
        journal.steering.add(transaction, task_id, "second")
        journal.steering.add(transaction, task_id + 1, "of another task")

    await journal.write(say)
    await journal.steering.taken(task_id)
    assert await journal.steering.untaken(task_id) == ["second"]
    following = await journal.next_queued()
    assert following is not None
    assert following[1] == ["second"]


async def test_half_a_character_is_no_reason_not_to_report(journal: Journal) -> None:
    message = OutgoingMessage("josh@example.org", "a\ud800b")
    await journal.write(lambda transaction: journal.messages.add(transaction, message))
    assert (await journal.messages.outbox())[0].message.body == "a?b"


@pytest.mark.fault
async def test_cancelled_at_any_moment_a_transaction_is_whole_or_not_there(
    journal: Journal,
) -> None:
    async def write(number: int) -> None:
        def both(transaction: Transaction) -> None:
            journal.tasks.add(transaction, _request(f"{number} a"))
            journal.tasks.add(transaction, _request(f"{number} b"))

        await journal.write(both)

    for number in range(60):
        task = asyncio.create_task(write(number))
        for _ in range(number % 20):
            await asyncio.sleep(0)
        await asyncio.sleep(number * 0.00005)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert outcome is None or isinstance(outcome, asyncio.CancelledError)
    prompts = [task.request.prompt for task in await journal.tasks.newest(500)]
    assert [p[:-1] + "b" for p in prompts[0::2]] == prompts[1::2]
    await _add(journal)
