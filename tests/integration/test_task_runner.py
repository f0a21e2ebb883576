"""The task runner over a journal and a clone, whatever happens to the disk and to the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.chat_commands import ChatCommands
from nuketown_daemon.configuration import Budget, Configuration
from nuketown_daemon.control.contract import TaskSubmission
from nuketown_daemon.dialogue import Dialogue
from nuketown_daemon.errors import JournalError
from nuketown_daemon.events import EventStream
from nuketown_daemon.intake import Intake
from nuketown_daemon.journal import Journal
from nuketown_daemon.people import People
from nuketown_daemon.session.contract import (
    Outcome,
    SessionControl,
    SessionJob,
    SessionObserver,
    SessionResult,
)
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.task import Mode, Task, TaskState
from nuketown_daemon.task_runner import TaskRunner
from nuketown_daemon.understanding import Understanding
from nuketown_daemon.workspace.resolver import Resolver
from tests.conftest import Eventually
from tests.workspace_repositories import (
    git,
    git_home,  # noqa: F401 - applies to every test here
    make_clone,
    make_remote,
)

OWNER = "josh@example.org"
Behaviour = Callable[[SessionJob, SessionControl, SessionObserver], Awaitable[SessionResult]]


class Played:
    """A Session that does what the test says."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.jobs: list[SessionJob] = []
        self._behaviour = behaviour

    async def prepare(self, job: SessionJob) -> None:
        """Nothing to do."""

    async def run(
        self, job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        self.jobs.append(job)
        return await self._behaviour(job, control, observer)


async def done(
    job: SessionJob, control: SessionControl, observer: SessionObserver
) -> SessionResult:
    return SessionResult(Outcome.FINISHED, "did it", job.session_id, cost_usd=0.25, turns=2)


async def until_stopped(
    job: SessionJob, control: SessionControl, observer: SessionObserver
) -> SessionResult:
    await control.stop.wait()
    return SessionResult(Outcome.STOPPED, "Stopped.", job.session_id)


class Desk:
    """One life of the daemon, without its network; the journal outlives it."""

    def __init__(self, place: Path, journal: Journal, behaviour: Behaviour, **daemon: Any) -> None:
        configuration = Configuration(
            identity={"name": "ada"},
            xmpp={"jid": "ada@example.org", "owners": [OWNER]},
            repos={"hello": {"url": str(place / "hello.git")}},
            daemon={"projects_dir": str(place / "projects"), **daemon},
        )
        self.journal = journal
        self.session = Played(behaviour)
        self.understood = 0
        people, board = People(configuration.xmpp), StatusBoard(EventStream())
        resolver = Resolver(configuration, place / "state")
        self.dialogue = dialogue = Dialogue(journal, people, board, timeout_s=60)
        self.runner = TaskRunner(
            configuration=configuration,
            journal=journal,
            resolver=resolver,
            sessions=dict.fromkeys(Mode, self.session),
            dialogue=dialogue,
            people=people,
            board=board,
            messenger=None,
        )
        self.intake = Intake(
            agent="ada",
            journal=journal,
            people=people,
            dialogue=dialogue,
            runner=self.runner,
            commands=ChatCommands(
                agent="ada", journal=journal, people=people, board=board, runner=self.runner,
                budget_note="",
            ),
            resolver=resolver,
            understand=self._understand,
            budget=Budget(),
        )  # fmt: skip

    async def _understand(self, *_: object) -> Understanding:
        self.understood += 1
        return Understanding(cost_usd=0.01, turns=1)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Work; at the end it goes as it does at a crash: nothing more is written."""
        parts = [asyncio.create_task(part.run()) for part in (self.runner, self.intake)]
        try:
            yield
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def hear(self, body: str, **facts: Any) -> None:
        await self.intake.handle(IncomingMessage(sender=OWNER, body=body, **facts))

    def asks(self) -> bool:
        """Does a task wait for an answer?"""
        return bool(self.dialogue._waiting)

    async def said(self) -> list[str]:
        return [entry.message.body for entry in await self.journal.messages.outbox()]

    async def ended(self, task_id: int = 1) -> Task:
        async with asyncio.timeout(20):
            while True:
                task = await self.journal.tasks.get(task_id)
                if task is not None and task.ended is not None:
                    return task
                await asyncio.sleep(0.01)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal.open(tmp_path / "journal.sqlite3") as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    remote = make_remote(tmp_path / "hello.git", branches=("feature",))
    make_clone(remote, tmp_path / "projects" / "hello")
    return tmp_path


@contextlib.asynccontextmanager
async def unwritable(journal: Journal) -> AsyncIterator[None]:
    """SQLite refuses to write, as on a disk that is full or read-only."""
    await journal._database.rows("PRAGMA query_only = 1")
    try:
        yield
    finally:
        await journal._database.rows("PRAGMA query_only = 0")


@pytest.mark.fault
async def test_what_ended_while_the_disk_was_full_is_told_as_it_ended(
    place: Path, journal: Journal
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def work(
        job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        begun.set()
        await go.wait()
        return await done(job, control, observer)

    desk = Desk(place, journal, work)
    async with desk.open():
        await desk.hear("work on hello -- write")
        await begun.wait()
        async with unwritable(journal):
            go.set()
            await asyncio.sleep(0.3)
            assert not any("Done" in text for text in await desk.said())
        task = await desk.ended()
    assert (task.state, task.cost_usd, task.turns) == (TaskState.DONE, 0.25, 2)


@pytest.mark.fault
async def test_the_queue_waits_for_room_on_the_disk(place: Path, journal: Journal) -> None:
    desk = Desk(place, journal, done)
    await desk.hear("work on hello -- write")
    await journal._database.rows("PRAGMA query_only = 1")
    async with desk.open():
        await asyncio.sleep(0.3)
        assert not desk.session.jobs
        await journal._database.rows("PRAGMA query_only = 0")
        assert (await desk.ended()).state is TaskState.DONE


@pytest.mark.fault
async def test_a_question_waits_for_room_on_the_disk(
    place: Path, journal: Journal, eventually: Eventually
) -> None:
    desk = Desk(place, journal, done)
    await desk.hear("work on hello -- write")
    found = await journal.next_queued()
    assert found is not None
    async with unwritable(journal):
        asking = asyncio.create_task(desk.dialogue.ask(found[0], "Which?"))
        await asyncio.sleep(0.05)
        assert not asking.done()
    await eventually(desk.asks)
    await desk.hear("this one")
    assert await asking == "this one"


@pytest.mark.fault
async def test_words_are_heard_though_they_can_not_be_noted(place: Path, journal: Journal) -> None:
    heard: list[str] = []
    begun = asyncio.Event()

    async def listen(
        job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        begun.set()
        while len(heard) < 2:
            heard.append(await control.steering.get())
            async with unwritable(journal):
                await observer.steered()
        return await done(job, control, observer)

    desk = Desk(place, journal, listen)
    async with desk.open():
        await desk.hear("work on hello -- write", thread="t")
        await begun.wait()
        await desk.hear("one", thread="t")
        await desk.hear("two", thread="t")
        assert (await desk.ended()).state is TaskState.DONE
    assert heard == ["one", "two"]
    assert await journal.next_queued() is None


@pytest.mark.fault
async def test_a_question_asked_before_a_restart_is_not_asked_again(
    place: Path, journal: Journal, eventually: Eventually
) -> None:
    clone = place / "projects" / "hello"
    (clone / "README").write_text("work\n")

    desk = Desk(place, journal, done)
    async with desk.open():
        await desk.hear("work on hello on branch feature -- write")
        await eventually(desk.asks)
    desk = Desk(place, journal, done)
    async with desk.open():
        await eventually(desk.asks)
        await desk.hear("stash")
        assert (await desk.ended()).state is TaskState.DONE
    assert sum("uncommitted changes" in text for text in await desk.said()) == 1
    assert git(clone, "stash", "list").count("\n") == 1
    assert await journal.steering.untaken(1) == []


@pytest.mark.fault
async def test_an_answer_to_it_may_come_before_it_is_asked_again(
    place: Path, journal: Journal, eventually: Eventually
) -> None:
    clone = place / "projects" / "hello"
    (clone / "README").write_text("work\n")
    desk = Desk(place, journal, done)
    async with desk.open():
        await desk.hear("work on hello on branch feature -- write")
        await eventually(desk.asks)
    desk = Desk(place, journal, done)
    async with desk.open():
        for _ in range(100_000):  # not a moment later: it is asked within some milliseconds
            if desk.runner.current is not None:
                break
            await asyncio.sleep(0)
        await desk.hear("commit")
        assert (await desk.ended()).state is TaskState.DONE
    assert git(clone, "log", "-1", "--format=%s", "main").startswith("WIP")
    assert desk.session.jobs
    assert await journal.steering.untaken(1) == []


@pytest.mark.fault
@pytest.mark.parametrize("body", ["stop", "cancel 1"])
async def test_who_said_stop_is_obeyed_after_a_crash(
    place: Path, journal: Journal, body: str
) -> None:
    begun = asyncio.Event()

    async def deaf(
        job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    desk = Desk(place, journal, deaf)
    async with desk.open():
        await desk.hear("work on hello -- write")
        await begun.wait()
        await desk.hear(body)
    desk = Desk(place, journal, until_stopped)
    async with desk.open():
        assert (await desk.ended()).state is TaskState.CANCELLED
    assert [job.recover for job in desk.session.jobs] == [True]


@pytest.mark.fault
@pytest.mark.parametrize("behind_others", [False, True])
async def test_an_agent_that_fills_the_disk_can_be_stopped(
    place: Path, journal: Journal, *, behind_others: bool
) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def first_is_stopped(
        job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        if job.task_id == 2:
            return await done(job, control, observer)
        begun.set()
        await control.stop.wait()
        stopped.set()
        return SessionResult(Outcome.STOPPED, "Stopped.", job.session_id)

    desk = Desk(place, journal, first_is_stopped)
    async with desk.open():
        await desk.hear("work on hello -- fill the disk")
        await begun.wait()
        await desk.hear("work on hello -- write")
        async with unwritable(journal):
            if behind_others:
                await desk.intake.hurry(
                    IncomingMessage(sender=OWNER, body="stop", message_id="stop")
                )
            else:
                with pytest.raises(JournalError):
                    await desk.hear("stop", message_id="stop")
            await asyncio.wait_for(stopped.wait(), 5)
        assert (await desk.ended()).state is TaskState.CANCELLED
        # It is handled again when there is room, and means the same.
        await desk.hear("stop", message_id="stop")
        assert (await desk.ended(2)).state is TaskState.DONE
    assert sum("Stopping" in text for text in await desk.said()) == 1


@pytest.mark.fault
async def test_a_used_up_budget_does_not_hide_what_was_finished(
    place: Path, journal: Journal
) -> None:
    begun = asyncio.Event()

    async def spend(
        job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        await observer.spent(0.60, 1)
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    budget = {"budget": {"per_day_usd": 0.50}}
    desk = Desk(place, journal, spend, **budget)
    async with desk.open():
        await desk.hear("work on hello -- write")
        await begun.wait()
    desk = Desk(place, journal, done, **budget)
    async with desk.open():
        assert (await desk.ended()).state is TaskState.DONE
        await desk.hear("work on hello -- more")
        assert (await desk.ended(2)).state is TaskState.FAILED
    assert [job.max_cost_usd for job in desk.session.jobs] == [0.0]


async def test_a_task_of_other_rules_keeps_no_other_one_waiting(
    place: Path, journal: Journal
) -> None:
    """An older version accepted it, or a newer one."""
    request = {
        "project": "hello", "prompt": "x", "branch": "-b", "mode": "headless", "source": "dm",
        "requester": OWNER, "reply_to": OWNER, "colour": "green",
    }  # fmt: skip
    await journal._database.execute(
        "INSERT INTO tasks (request, state, created) VALUES (?, 'queued', 1)",
        (json.dumps(request),),
    )
    desk = Desk(place, journal, done)
    async with desk.open():
        await desk.hear("work on hello -- write")
        assert (await desk.ended(2)).state is TaskState.DONE
    first = await desk.ended()
    assert (first.state, first.result) == (
        TaskState.FAILED,
        "'-b' is not a branch name git accepts",
    )
    assert [task.id for task in await journal.tasks.newest(5)] == [1, 2]


async def test_a_client_that_goes_away_leaves_no_task_waiting(
    place: Path, journal: Journal
) -> None:
    desk = Desk(place, journal, done)
    async with desk.open():
        await asyncio.sleep(0.05)  # it looks at the queue and waits
        submission = TaskSubmission(project="hello", prompt="write")
        submitting = asyncio.create_task(desk.intake.submit(submission, 0))
        while not (await journal.tasks.count(TaskState.QUEUED)) and not submitting.done():
            submitting.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(submitting, return_exceptions=True)
        assert (await desk.ended()).state is TaskState.DONE


@pytest.mark.fault
async def test_no_model_is_paid_while_the_journal_can_not_be_written(
    place: Path, journal: Journal, eventually: Any
) -> None:
    desk = Desk(place, journal, done)
    async with desk.open():
        async with unwritable(journal):
            for _ in range(3):
                with contextlib.suppress(Exception):
                    await desk.hear("make everything nice")
        assert desk.understood == 0
        await desk.hear("make everything nice")
        await eventually(desk.said)
    assert desk.understood == 1


async def test_half_a_character_in_a_result_is_reported(place: Path, journal: Journal) -> None:
    async def cut(
        job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        await observer.progress("cut \ud83d")
        await observer.say("cut \ud83d")
        return SessionResult(Outcome.FINISHED, "cut \ud83d", job.session_id)

    desk = Desk(place, journal, cut)
    async with desk.open():
        await desk.hear("work on hello -- write")
        task = await desk.ended()
    assert (task.state, task.result) == (TaskState.DONE, "cut ?")
