"""What is said to a session as it ends is the next task, or is told of; it is never just gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.chat_commands import ChatCommands
from nuketown_daemon.configuration import Budget, Configuration, Xmpp
from nuketown_daemon.dialogue import Dialogue
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
from nuketown_daemon.task import Mode
from nuketown_daemon.task_runner import TaskRunner
from nuketown_daemon.workspace.resolver import Resolver
from tests.workspace_repositories import (
    git_home,  # noqa: F401 - applies to every test here
    make_clone,
    make_remote,
)

OWNER = "josh@example.org"


class Bench:
    """Queue, intake and journal of a daemon; how its sessions go, the test says."""

    def __init__(self, journal: Journal, configuration: Configuration, state: Path) -> None:
        self.journal = journal
        self.jobs: list[SessionJob] = []
        self.ends: asyncio.Queue[SessionResult] = asyncio.Queue()
        people, board = People(configuration.xmpp), StatusBoard(EventStream())
        dialogue = Dialogue(journal, people, board, timeout_s=60)
        resolver = Resolver(configuration, state)
        self.runner = TaskRunner(
            configuration=configuration, journal=journal, resolver=resolver,
            sessions={Mode.HEADLESS: self, Mode.INTERACTIVE: self},
            dialogue=dialogue, people=people, board=board, messenger=None,
        )  # fmt: skip
        commands = ChatCommands(
            agent="ada", journal=journal, people=people, board=board, runner=self.runner,
            budget_note="",
        )  # fmt: skip
        self.intake = Intake(
            agent="ada", journal=journal, people=people, dialogue=dialogue, runner=self.runner,
            commands=commands, resolver=resolver, understand=None,  # type: ignore[arg-type]
            budget=Budget(),
        )  # fmt: skip

    async def prepare(self, job: SessionJob) -> None:
        """Nothing has to be there."""

    async def run(
        self, job: SessionJob, _control: SessionControl, _observer: SessionObserver
    ) -> SessionResult:
        self.jobs.append(job)
        return await self.ends.get()

    def end(self, outcome: Outcome, session_id: str | None = None) -> None:
        self.ends.put_nowait(SessionResult(outcome, "That is all.", session_id))

    async def said(self) -> list[str]:
        return [entry.message.body for entry in await self.journal.messages.outbox()]


def words(text: str, message_id: str) -> IncomingMessage:
    return IncomingMessage(OWNER, text, message_id=message_id, thread="T1")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    make_clone(make_remote(tmp_path / "hello.git"), tmp_path / "projects" / "hello")
    configuration = Configuration(
        identity={"name": "ada"},
        daemon={"projects_dir": str(tmp_path / "projects")},
        xmpp=Xmpp(jid="ada@example.org", owners=(OWNER,)),
    )
    async with Journal.open(tmp_path / "journal") as journal:
        made = Bench(journal, configuration, tmp_path / "state")
        running = asyncio.create_task(made.runner.run())
        yield made
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_words_that_are_read_as_the_task_ends_are_the_next(bench, eventually) -> None:
    await bench.intake.handle(words("work on hello -- paint it", "m1"))
    await eventually(lambda: bench.jobs)
    late = words("in blue", "m2")
    answer = await bench.intake._decide(late)
    bench.end(Outcome.FINISHED)
    await eventually(lambda: bench.runner.current is None)
    await bench.intake._apply(late, answer)
    await eventually(lambda: len(bench.jobs) == 2)
    assert bench.jobs[1].prompt == "in blue"
    assert bench.jobs[1].session_id == bench.jobs[0].session_id
    assert bench.jobs[1].resume
    said = await bench.said()
    assert "What you said last is next: in blue (hello, task 2)." in said
    assert "Passed on." not in said


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STOPPED, Outcome.TIMED_OUT])
async def test_words_that_a_session_did_not_hear_are_told_of(bench, eventually, outcome) -> None:
    await bench.intake.handle(words("work on hello -- paint it", "m1"))
    await eventually(lambda: bench.jobs)
    for number, text in enumerate(("in blue", "and the door")):
        await bench.intake.handle(words(text, f"s{number}"))
    bench.end(outcome)
    await eventually(lambda: bench.runner.current is None)
    summary = (await bench.said())[-1]
    assert "It ended before it heard «in blue» «and the door»" in summary
    assert len(bench.jobs) == 1


async def test_a_task_that_joined_a_session_is_followed_there(bench, eventually) -> None:
    await bench.intake.handle(words("work on hello interactive -- paint it", "m1"))
    await eventually(lambda: bench.jobs)
    bench.end(Outcome.FINISHED, "the session that was there")
    await eventually(lambda: bench.runner.current is None)
    await bench.intake.handle(words("in blue", "m2"))
    await eventually(lambda: len(bench.jobs) == 2)
    assert bench.jobs[1].session_id == "the session that was there"
    assert bench.jobs[1].resume
