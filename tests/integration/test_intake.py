"""What is said to an agent, from the message to what is answered and written down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.chat_commands import ChatCommands
from nuketown_daemon.configuration import Budget, Configuration, Identity, Xmpp
from nuketown_daemon.control.contract import TaskSubmission
from nuketown_daemon.dialogue import Dialogue
from nuketown_daemon.errors import NuketownError, ProtocolError, WorkspaceError
from nuketown_daemon.events import EventStream
from nuketown_daemon.intake import Intake
from nuketown_daemon.journal import Journal, Transaction
from nuketown_daemon.people import People
from nuketown_daemon.session.contract import (
    SessionControl,
    SessionJob,
    SessionObserver,
    SessionResult,
)
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.task import Mode, Task, TaskRequest, TaskState
from nuketown_daemon.task_runner import TaskRunner
from nuketown_daemon.understanding import Understanding
from nuketown_daemon.workspace.contract import PreparationObserver, Workspace

JOSH, VOX, EVE = "josh@example.org", "vox@example.org", "eve@example.org"
ROOM = "town@rooms.example.org"


class Projects:
    """Three projects that are always ready."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def known_projects(self) -> dict[str, str | None]:
        return {"hello": None, "mynix": None, "site.org": None}

    def look_ahead(self, project: str) -> None:
        """Nothing to look at."""

    async def ready(
        self, _project: str, branch: str | None, _observer: PreparationObserver
    ) -> Workspace | None:
        return Workspace(self._directory, branch, None)

    async def resolve(self, *_arguments: object, **_options: object) -> Workspace:
        raise WorkspaceError("every project is ready here.")


class Conversation:
    """An agent's intake with a real journal; its sessions listen and never end."""

    def __init__(self, journal: Journal, directory: Path) -> None:
        self.journal = journal
        self.jobs: list[SessionJob] = []
        self.heard: list[str] = []
        self.asked_model: list[str] = []
        self.model_answers = asyncio.Event()
        self.model_answers.set()
        self.model_chooses: str | None = None
        configuration = Configuration(
            identity=Identity(name="ada"),
            xmpp=Xmpp(jid="ada@example.org", owners=(JOSH,), peers=(VOX, EVE)),
        )
        self._events = EventStream()
        people, board = People(configuration.xmpp), StatusBoard(self._events)
        self.dialogue = Dialogue(journal, people, board, timeout_s=60)
        projects = Projects(directory)
        self.runner = TaskRunner(
            configuration=configuration, journal=journal, resolver=projects,
            sessions={Mode.HEADLESS: self, Mode.INTERACTIVE: self}, dialogue=self.dialogue,
            people=people, board=board, messenger=None,
        )  # fmt: skip
        commands = ChatCommands(
            agent="ada", journal=journal, people=people, board=board, runner=self.runner,
            budget_note="",
        )  # fmt: skip
        self.intake = Intake(
            agent="ada", journal=journal, people=people, dialogue=self.dialogue,
            runner=self.runner, commands=commands, resolver=projects,
            understand=self._understand, budget=Budget(),
        )  # fmt: skip
        self._number = 0

    async def _understand(
        self, text: str, _projects: Mapping[str, str | None], _limit: float | None
    ) -> Understanding:
        self.asked_model.append(text)
        await self.model_answers.wait()
        return Understanding(self.model_chooses)

    async def prepare(self, job: SessionJob) -> None:
        """Nothing has to be there."""

    async def run(
        self, job: SessionJob, control: SessionControl, _observer: SessionObserver
    ) -> SessionResult:
        self.jobs.append(job)
        while True:
            self.heard.append(await control.steering.get())

    async def say(self, body: str, sender: str = JOSH, **facts: Any) -> list[str]:
        """Say something; return what is answered."""
        before = len(await self.journal.messages.outbox())
        self._number += 1
        await self.intake.handle(
            IncomingMessage(sender, body, message_id=f"m{self._number}", **facts)
        )
        async with asyncio.timeout(5):
            while self.model_answers.is_set() and await self.journal.unclear.waiting():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        said = await self.journal.messages.outbox()
        return [entry.message.body for entry in said[before:]]

    async def tasks(self) -> list[Task]:
        return await self.journal.tasks.newest(100)

    async def prompts(self) -> list[tuple[str, str]]:
        return [(task.request.project, task.request.prompt) for task in await self.tasks()]

    async def ended(self, state: TaskState = TaskState.DONE, **facts: Any) -> Task:
        """A task that was run before."""
        result = facts.pop("result", "That is all.")
        request = TaskRequest(
            **{"project": "hello", "prompt": "paint it", "source": "dm", "requester": JOSH,
               "reply_to": JOSH, "thread": "T1", **facts}
        )  # fmt: skip
        task = await self.journal.write(lambda t: self.journal.tasks.add(t, request))

        def end(transaction: Transaction) -> Task:
            for step in (TaskState.PREPARING, TaskState.RUNNING):
                self.journal.tasks.move(transaction, task.id, step)
            return self.journal.tasks.move(transaction, task.id, state, result=result)

        return await self.journal.write(end)

    async def asking(
        self, task: Task, text: str, choices: tuple[str, ...] = ()
    ) -> asyncio.Task[str]:
        """A session that waits for an answer."""
        with self._events.subscribe() as events:
            waits = asyncio.create_task(self.dialogue.ask(task, text, choices))
            while (await events.get()).kind != "message":
                pass
        return waits


@pytest.fixture
async def ada(tmp_path: Path) -> AsyncIterator[Conversation]:
    """The agent, its runner not started: what is queued stays queued."""
    async with Journal.open(tmp_path / "journal") as journal:
        conversation = Conversation(journal, tmp_path)
        async with at_work(conversation.intake.run()):
            yield conversation


@contextlib.asynccontextmanager
async def at_work(part: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """What the daemon runs for ever; at the end it goes as it does at a crash."""
    running = asyncio.create_task(part)
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@pytest.fixture
async def busy(ada: Conversation, eventually: Any) -> AsyncIterator[Conversation]:
    """The agent at work on task 1, which its owner asked for in the thread T1."""
    async with at_work(ada.runner.run()):
        await ada.say("work on hello -- paint it", thread="T1")
        await eventually(lambda: ada.jobs)
        yield ada


# -- which project was meant


@pytest.mark.parametrize("answer", ["hello", "Hello!", "it's the hello one", "work on hello"])
async def test_the_project_that_was_asked_for(ada: Conversation, answer: str) -> None:
    (question,) = await ada.say("fix the flaky test on branch dev")
    assert "«fix the flaky test on branch dev»: hello, mynix, site.org?" in question
    await ada.say(answer)
    (task,) = await ada.tasks()
    assert (task.request.project, task.request.branch) == ("hello", "dev")
    assert task.request.prompt == "fix the flaky test on branch dev"


async def test_a_sentence_after_the_question_is_a_task_of_its_own(ada: Conversation) -> None:
    await ada.say("fix the flaky test")
    (answer,) = await ada.say("update README in hello")
    assert await ada.prompts() == [("hello", "update README in hello")]
    assert "I let go of «fix the flaky test»" in answer


async def test_the_offered_form_ends_the_question(ada: Conversation) -> None:
    await ada.say("fix the flaky test")
    (answer,) = await ada.say("work on mynix -- fix the flaky test")
    assert "let go" not in answer
    (answer,) = await ada.say("hello")
    assert "What shall I do in hello?" in answer
    assert await ada.prompts() == [("mynix", "fix the flaky test")]


async def test_a_name_that_is_unknown_keeps_the_question(ada: Conversation) -> None:
    await ada.say("fix the flaky test")
    (answer,) = await ada.say("webapp")
    assert "`work on webapp -- fix the flaky test`" in answer
    assert ada.asked_model == ["fix the flaky test"]
    await ada.say("mynix")
    assert await ada.prompts() == [("mynix", "fix the flaky test")]


@pytest.mark.parametrize("answer", ["cancel", "never mind", "no"])
async def test_what_is_not_wanted_any_more_is_dropped(busy: Conversation, answer: str) -> None:
    await busy.say("fix the flaky test")
    (dropped,) = await busy.say(answer)
    assert "Dropped: «fix the flaky test»" in dropped
    assert "Task 1 goes on: say `cancel 1`" in dropped
    assert busy.runner.current is not None
    await busy.say("mynix")
    assert await busy.prompts() == [("hello", "paint it")]


@pytest.mark.attack
async def test_a_peers_riddles_are_not_all_put_to_a_model(ada: Conversation) -> None:
    for number in range(15):
        (answer,) = await ada.say(f"riddle number {number} of many", VOX)
        assert "Which project do you mean" in answer
    assert len(ada.asked_model) == 10
    await ada.say("what an owner says is", JOSH)
    await ada.say("and so is another peer's", EVE)
    assert len(ada.asked_model) == 12


# -- what starts nothing


@pytest.mark.parametrize(
    "text", ["hello", "thanks!", "Good morning ada", "👍", "cancel hello", "statsu", "> On it"]
)
async def test_no_task_and_no_model_for_what_is_said_in_passing(
    ada: Conversation, text: str
) -> None:
    (answer,) = await ada.say(text)
    assert "`" in answer
    assert await ada.tasks() == []
    assert ada.asked_model == []


async def test_thanks_for_a_report_cost_nothing(ada: Conversation) -> None:
    await ada.ended()
    assert await ada.say("thanks!", thread="T1") == [
        "You're welcome. Say what to do next, or `help`."
    ]
    assert len(await ada.tasks()) == 1


async def test_a_yes_goes_on_where_the_report_asked(ada: Conversation) -> None:
    done = await ada.ended(result="Painted. Shall I push it?")
    await ada.say("yes please", thread="T1")
    assert [task.request.follows for task in await ada.tasks()] == [None, done.id]


async def test_what_is_said_to_a_session_reaches_it_as_it_is(
    busy: Conversation, eventually: Any
) -> None:
    for text in ("stop doing that", "yes", "> you asked\nin blue", "work on hello"):
        await busy.say(text, thread="T1")
    await eventually(lambda: len(busy.heard) == 4)
    assert busy.heard == ["stop doing that", "yes", "> you asked\nin blue", "work on hello"]
    assert await busy.prompts() == [("hello", "paint it")]


async def test_an_answer_is_taken_without_the_quotation(busy: Conversation) -> None:
    (task,) = await busy.tasks()
    asking = await busy.asking(task, "Which colour?", ("red", "blue"))
    assert await busy.say("> Which colour?\n\nBlue.") == []
    assert await asking == "Blue."


async def test_who_answers_without_knowing_is_told(busy: Conversation) -> None:
    (task,) = await busy.tasks()
    asking = await busy.asking(task, "Which colour?")
    (told,) = await busy.say("fix the tests in mynix")
    assert "answer to «Which colour?»" in told
    assert await asking == "fix the tests in mynix"


# -- cancel, retry


async def test_retry_repeats_what_failed_and_nothing_else(ada: Conversation) -> None:
    assert await ada.say("retry") == ["Nothing has failed yet."]
    await ada.ended(TaskState.FAILED)
    await ada.ended(prompt="open the door")
    (answer,) = await ada.say("retry")
    assert "did not fail: open the door (hello, task 2)" in answer
    assert "`retry 2`" in answer
    (answer,) = await ada.say("retry 9")
    assert "no task 9" in answer
    assert len(await ada.tasks()) == 2
    await ada.say("retry 1")
    assert (await ada.prompts())[-1] == ("hello", "paint it")


@pytest.mark.parametrize(("before", "now"), [("room", None), ("dm", ROOM)])
async def test_a_retry_reports_to_where_it_was_said(
    ada: Conversation, before: str, now: str | None
) -> None:
    await ada.ended(TaskState.FAILED, source=before, reply_to=ROOM if before == "room" else JOSH)
    await ada.say("retry", room=now)
    request = (await ada.tasks())[-1].request
    assert (request.source, request.reply_to) == (("room", ROOM) if now else ("dm", JOSH))


async def test_a_peer_ends_and_repeats_its_own_alone(busy: Conversation) -> None:
    await busy.say("work on mynix -- mine", VOX)
    await busy.say("work on mynix -- of eve", EVE)
    for words in ("cancel 1", "stop", "cancel 3"):
        (answer,) = await busy.say(words, VOX)
        assert "not yours" in answer
    (answer,) = await busy.say("cancel", VOX)
    assert "Taken out of the queue: mine" in answer
    (answer,) = await busy.say("in red", VOX, thread="T1")
    assert "Which project" in answer
    assert busy.heard == []
    await busy.say("cancel 3", EVE)
    await busy.say("retry", VOX)
    assert (await busy.prompts())[-1] == ("mynix", "mine")
    assert busy.runner.current is not None


async def test_a_peer_with_nothing_of_its_own_is_told(busy: Conversation) -> None:
    (answer,) = await busy.say("cancel", VOX)
    assert "Task 1 is not yours" in answer
    assert await busy.say("retry", VOX) == ["Nothing has failed yet."]


# -- the socket


async def test_what_failed_is_repeated_from_the_command_line(ada: Conversation) -> None:
    with pytest.raises(ProtocolError, match="Nothing has failed yet"):
        await ada.intake.submit(TaskSubmission(text="retry"), 1000)
    failed = await ada.ended(TaskState.FAILED, branch="dev", requester="uid:1000", reply_to=None)
    for text in (f"retry {failed.id}", "retry"):
        task = await ada.intake.submit(TaskSubmission(text=text), 1000)
        assert (task.request.project, task.request.prompt) == ("hello", "paint it")
        assert (task.request.branch, task.request.source) == ("dev", "socket")
        assert task.request.thread != failed.request.thread
    with pytest.raises(ProtocolError, match="no task 99"):
        await ada.intake.submit(TaskSubmission(text="retry 99"), 1000)
    with pytest.raises(ProtocolError, match="has not ended yet"):
        await ada.intake.submit(TaskSubmission(text=f"retry {task.id}"), 1000)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("status", "use `nuketown status`"),
        ("queue", "use `nuketown tasks`"),
        ("stop", "use `nuketown cancel`"),
        ("attach", "`portal-`"),
        ("hello", "What shall I do in hello"),
        ("cancel hello", "`cancel 3`"),
        ("fix it", "Which project do you mean for «fix it»"),
    ],
)
async def test_what_is_no_task_on_the_socket(ada: Conversation, text: str, sentence: str) -> None:
    with pytest.raises(NuketownError, match=sentence.replace("?", r"\?")):
        await ada.intake.submit(TaskSubmission(text=text), 1000)
    assert await ada.tasks() == []


# -- others in the same thread


@pytest.mark.attack
async def test_another_one_s_task_in_the_thread_gets_nothing_of_what_is_said_there(
    busy: Conversation, eventually: Any
) -> None:
    await busy.say("work on hello -- something else", VOX, thread="T1")
    await busy.say("and write a test for it", thread="T1")
    await eventually(lambda: busy.heard)
    assert busy.heard == ["and write a test for it"]
    done = await busy.ended(thread="T2")
    await busy.ended(requester=VOX, reply_to=VOX, thread="T2")
    await busy.say("and write another", thread="T2")
    assert (await busy.tasks())[-1].request.follows == done.id


async def test_an_owner_s_words_in_a_peer_s_thread_are_about_its_task(ada: Conversation) -> None:
    theirs = await ada.ended(requester=VOX, reply_to=VOX, thread="T2")
    await ada.say("and write a test for it", thread="T2")
    assert (await ada.tasks())[-1].request.follows == theirs.id


# -- while the model thinks about what was said


async def test_what_needs_no_model_waits_for_none(busy: Conversation, eventually: Any) -> None:
    busy.model_answers.clear()
    assert await busy.say("fix the flaky test") == []
    await eventually(lambda: busy.asked_model)
    (status,) = await busy.say("status")
    assert "paint it" in status
    for said in (status, *await busy.say("queue")):
        assert said.endswith("I am working out which project 1 message means.")
    (answer,) = await busy.say("work on mynix -- tidy up", sender=VOX)
    assert "mynix" in answer
    (stopped,) = await busy.say("stop", sender=VOX)
    assert "not yours" in stopped
    assert "Dropped" not in stopped
    assert [m.body for _, m in await busy.journal.unclear.waiting()] == ["fix the flaky test"]


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ("stop", "Stopping: paint it"),
        ("cancel", "Task 1 goes on"),
        ("never mind", "Task 1 goes on"),
    ],
)
async def test_what_is_taken_back_before_the_model_answers_is_no_task(
    busy: Conversation, eventually: Any, words: str, rest: str
) -> None:
    busy.model_answers.clear()
    busy.model_chooses = "mynix"
    await busy.say("fix the flaky test")
    await busy.say("dark mode would be nice", sender=VOX)
    await eventually(lambda: busy.asked_model)
    (answer,) = await busy.say(words)
    assert answer.startswith("Dropped: «fix the flaky test».\n")
    assert rest in answer
    busy.model_answers.set()
    await busy.say("status")  # until nothing waits
    assert [p for p in await busy.prompts() if p[0] == "mynix"] == [
        ("mynix", "dark mode would be nice")
    ]


async def test_requests_for_the_model_become_tasks_in_their_order(
    ada: Conversation, eventually: Any
) -> None:
    ada.model_answers.clear()
    ada.model_chooses = "hello"
    await ada.say("fix the flaky test", thread="T1")
    await ada.say("and the other one", thread="T2")
    await ada.say("do the same for the docs", sender=VOX)
    await eventually(lambda: ada.asked_model)
    ada.model_answers.set()
    await ada.say("status")
    assert [(t.request.requester, t.request.thread, t.request.prompt) for t in await ada.tasks()][
        :2
    ] == [(JOSH, "T1", "fix the flaky test"), (JOSH, "T2", "and the other one")]


async def test_the_project_is_said_before_the_model_answers(
    ada: Conversation, eventually: Any
) -> None:
    ada.model_answers.clear()
    ada.model_chooses = "hello"
    await ada.say("fix the flaky test on branch dev")
    await eventually(lambda: ada.asked_model)
    await ada.say("in mynix")
    ada.model_answers.set()
    await ada.say("status")
    (task,) = await ada.tasks()
    assert (task.request.project, task.request.branch) == ("mynix", "dev")
    assert task.request.prompt == "fix the flaky test on branch dev"


async def test_what_waited_for_the_model_when_the_daemon_was_killed_is_not_lost(
    tmp_path: Path, eventually: Any
) -> None:
    async with Journal.open(tmp_path / "journal") as journal:
        killed = Conversation(journal, tmp_path)
        killed.model_answers.clear()
        async with at_work(killed.intake.run()):
            await killed.say("fix the flaky test", thread="T9", archive_id="a1")
            await eventually(lambda: killed.asked_model)
    async with Journal.open(tmp_path / "journal") as journal:
        again = Conversation(journal, tmp_path)
        again.model_chooses = "hello"
        async with at_work(again.intake.run()):
            await again.say("status")
        (task,) = await again.tasks()
        assert (task.request.thread, task.request.prompt) == ("T9", "fix the flaky test")
        assert await again.journal.unclear.waiting() == []


async def test_only_so_much_waits_for_the_model(ada: Conversation) -> None:
    ada.model_answers.clear()
    for number in range(8):
        assert await ada.say(f"fix the flaky test number {number}") == []
    (question,) = await ada.say("fix the ninth")
    assert "Which project do you mean for «fix the ninth»" in question
