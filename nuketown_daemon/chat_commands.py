"""Answers to the chat commands: help, status, queue, cancel, stop, attach, cost, retry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nuketown_daemon import reporting
from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.command_words import Command, Verb
from nuketown_daemon.journal import Journal, Transaction
from nuketown_daemon.people import People
from nuketown_daemon.session.tmux import Tmux, session_name
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.task import ENDED, Mode, Task, TaskRequest, TaskState
from nuketown_daemon.task_runner import TaskRunner

HELP = """\
Tell me what to do: `work on PROJECT -- what to do`, or `work on PROJECT on branch NAME -- …`. \
Naming a project I know anywhere in the sentence is enough. Add `interactive` or `headless` after \
the project to choose how. Write in the thread of a running task to steer it.
status · what I do now
queue · what waits
cancel [ID] · end a task, queued or running
stop · end the running one
attach · how to look over my shoulder
cost · what was spent
retry [ID] · run one again that failed, or any by its number"""


@dataclass(frozen=True)
class Answer:
    """What to say, and what to change with it in one transaction or after it."""

    text: str
    write: Callable[[Transaction], str | None] | None = None
    """For :meth:`Journal.write`; may return a text that replaces ``text``."""
    afterwards: Callable[[], None] | None = None
    at_once: Callable[[], None] | None = None
    """What does not wait until that is written: an agent that fills the disk has to be stopped."""
    thread: str | None = None
    """Thread to say it in; None: the one of the message."""
    choices: tuple[str, ...] = ()


class ChatCommands:
    """One method per verb. What a command changes is returned, not done."""

    def __init__(
        self, *, agent: str, journal: Journal, people: People, board: StatusBoard,
        runner: TaskRunner, budget_note: str,
    ) -> None:  # fmt: skip
        self._agent = agent
        self._journal = journal
        self._people = people
        self._board = board
        self._runner = runner
        self._budget_note = budget_note

    async def answer(
        self, command: Command, message: IncomingMessage, about: Task | None
    ) -> Answer:
        """Answer ``command``, said in the thread of the task ``about`` if there is one."""
        match command.verb:
            case Verb.HELP:
                return Answer(HELP)
            case Verb.STATUS:
                return await self._status()
            case Verb.QUEUE:
                return await self._queue()
            case Verb.COST:
                return await self._cost(about)
            case Verb.ATTACH:
                return await self._attach(about)
            case Verb.STOP:
                return await self.cancel(self._runner.current, message.sender)
            case Verb.CANCEL:
                return await self._cancel(command, message, about)
            case Verb.RETRY:
                return await self._retry(command, message, about)

    async def _status(self) -> Answer:
        queued = await self._journal.tasks.count(TaskState.QUEUED)
        lines = [self._board.presence.status]
        current = self._runner.current
        if current is not None:
            lines.append(reporting.status_line(current))
        if queued:
            lines.append(f"{queued} waiting: say `queue` to see them.")
        lines += await self._unclear()
        return Answer("\n".join(lines))

    async def _queue(self) -> Answer:
        waiting = await self._journal.tasks.in_states(TaskState.QUEUED)
        current = self._runner.current
        lines = [reporting.status_line(task) for task in ([current] if current else []) + waiting]
        shown = lines[:20]
        if len(lines) > len(shown):
            shown.append(f"… and {len(lines) - len(shown)} more")
        shown += await self._unclear()
        return Answer("\n".join(shown) or "Nothing is running and nothing waits.")

    async def _unclear(self) -> list[str]:
        """What is put to a model, and may become a task yet."""
        count = len(await self._journal.unclear.waiting())
        if not count:
            return []
        mean = "message means" if count == 1 else "messages mean"
        return [f"I am working out which project {count} {mean}."]

    async def _cost(self, about: Task | None) -> Answer:
        today = await self._journal.tasks.spent_today()
        lines = [f"Today: ${today:.2f}{self._budget_note}"]
        task = about or self._runner.current
        if task is not None:
            current = await self._journal.tasks.get(task.id) or task
            lines.append(
                f"{reporting.name_of(current)}: {reporting.money(current)}, {current.turns} turns"
            )
        return Answer("\n".join(lines))

    async def _attach(self, about: Task | None) -> Answer:
        """Name the session of the task that runs, that is spoken of, or that was the last one."""
        recent = reversed(await self._journal.tasks.newest(50))
        tmux = Tmux(self._agent)
        seen: set[str] = set()
        for task in (self._runner.current, about, *recent):
            if task is None or task.session_mode is not Mode.INTERACTIVE:
                continue
            name = session_name(task.workspace or task.request.project)
            if name not in seen and await tmux.has_session(name):
                return Answer(
                    f"On my machine: `portal-{self._agent}`, or as my user: "
                    f"`tmux -L portal-{self._agent} attach -t ={name}`"
                )
            seen.add(name)
        return Answer(
            "No interactive session runs. Ask for one: `work on PROJECT interactive -- what to do`."
        )

    async def _cancel(
        self, command: Command, message: IncomingMessage, about: Task | None
    ) -> Answer:
        if command.task_id is not None:
            task = await self._journal.tasks.get(command.task_id)
            if task is None:
                return Answer(f"There is no task {command.task_id}: say `queue` to see them.")
            return await self.cancel(task, message.sender)
        if about is not None and about.state not in ENDED:
            return await self.cancel(about, message.sender)
        current = self._runner.current
        if current is not None and self._people.may_control(message.sender, current):
            return await self.cancel(current, message.sender)
        waiting = [
            task
            for task in await self._journal.tasks.in_states(TaskState.QUEUED)
            if self._people.may_control(message.sender, task)
        ]
        if len(waiting) > 1:
            return Answer("Which one? Say `cancel ID`; `queue` lists them.")
        return await self.cancel(waiting[0] if waiting else current, message.sender)

    async def cancel(self, task: Task | None, requester: str) -> Answer:
        """End ``task`` if ``requester`` may."""
        if task is None:
            return Answer("Nothing is running.")
        if not self._people.may_control(requester, task):
            return Answer(f"Task {task.id} is not yours: only an owner may end it.")
        if task.state in ENDED:
            return Answer(f"Task {task.id} has ended already ({task.state}).")
        if task.state is TaskState.QUEUED and not self._runner.has_taken(task.id):
            return Answer(f"Taken out of the queue: {reporting.name_of(task)}.", self._drop(task))
        stopping = f"Stopping: {reporting.name_of(task)}."

        def write(transaction: Transaction) -> str | None:
            self._journal.tasks.ask_stop(transaction, task.id)
            return None

        def stop() -> None:
            self._runner.stop(task.id)

        return Answer(stopping, write, afterwards=stop, at_once=stop)

    def _drop(self, task: Task) -> Callable[[Transaction], str | None]:
        def write(transaction: Transaction) -> str | None:
            dropped = self._journal.tasks.move(
                transaction, task.id, TaskState.CANCELLED, result="Taken out of the queue."
            )
            transaction.on_commit(lambda: self._board.task_changed(dropped))
            return None

        return write

    async def _retry(
        self, command: Command, message: IncomingMessage, about: Task | None
    ) -> Answer:
        task = await self.to_repeat(command, message.sender, about)
        if isinstance(task, str):
            return Answer(task)
        request = task.request.model_copy(
            update={
                "source": "room" if message.room else "dm",
                "requester": message.sender,
                "reply_to": message.reply_to,
                "thread": message.thread or task.request.thread,
                "source_message_id": message.message_id,
                "follows": None,
            }
        )
        return Answer("", self.accept(request), self._runner.wake, thread=request.thread)

    async def to_repeat(self, command: Command, requester: str, about: Task | None) -> Task | str:
        """The task that a ``retry`` means, or a sentence why there is none for ``requester``."""
        task = about
        if command.task_id is not None:
            task = await self._journal.tasks.get(command.task_id)
        elif task is None:
            task = await self._last_ended(requester)
            if task is not None and task.state is TaskState.DONE:
                return (
                    f"The last one did not fail: {reporting.name_of(task)}. "
                    f"Say `retry {task.id}` to run it again all the same."
                )
        if task is None:
            return (
                "Nothing has failed yet."
                if command.task_id is None
                else f"There is no task {command.task_id}: its report tells a task's number."
            )
        if not self._people.may_control(requester, task):
            return f"Task {task.id} is not yours: only an owner may repeat it."
        if task.state not in ENDED:
            return f"Task {task.id} has not ended yet ({task.state})."
        return task

    async def _last_ended(self, requester: str) -> Task | None:
        """The newest task that is over, of those that ``requester`` may repeat."""
        ended = [task for task in await self._journal.tasks.newest(50) if task.state in ENDED]
        mine = [task for task in ended if self._people.may_control(requester, task)]
        return mine[-1] if mine else None

    def accept(self, request: TaskRequest) -> Callable[[Transaction], str]:
        """How a task is written down; returns its acknowledgement."""
        current = self._runner.current

        def write(transaction: Transaction) -> str:
            task = self._journal.tasks.add(transaction, request)
            rows = transaction.rows(
                "SELECT count(*) FROM tasks WHERE state IN ('queued', 'preparing', 'running')"
            )
            transaction.on_commit(lambda: self._board.task_changed(task))
            return reporting.accepted(self._agent, task, current, int(rows[0][0]))

        return write
