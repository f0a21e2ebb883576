"""One task at a time: workspace, session, report; and after a crash, on from where it was."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from nuketown_daemon import reporting
from nuketown_daemon.approvals import Approvals
from nuketown_daemon.budget import allowance
from nuketown_daemon.configuration import Configuration
from nuketown_daemon.dialogue import Dialogue
from nuketown_daemon.errors import (
    BudgetError,
    NuketownError,
    SessionError,
    TransitionError,
    WorkspaceError,
)
from nuketown_daemon.journal import Journal, Transaction
from nuketown_daemon.people import People
from nuketown_daemon.session.contract import (
    Outcome,
    Session,
    SessionControl,
    SessionJob,
    SessionResult,
)
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.task import PROMPT_LIMIT, Mode, Task, TaskState
from nuketown_daemon.task_observer import TaskObserver
from nuketown_daemon.workspace.changes import changes_since
from nuketown_daemon.workspace.contract import Workspace, WorkspaceResolver
from nuketown_daemon.xmpp.contract import Messenger

log = structlog.get_logger(__name__)

_STATES = {
    Outcome.FINISHED: TaskState.DONE,
    Outcome.FAILED: TaskState.FAILED,
    Outcome.STOPPED: TaskState.CANCELLED,
    Outcome.TIMED_OUT: TaskState.FAILED,
    Outcome.LOST: TaskState.INTERRUPTED,
}


@dataclass
class _Running:
    """The task that runs, and what can be said to it."""

    task: Task
    control: SessionControl = field(default_factory=SessionControl)


class TaskRunner:
    """Takes the oldest queued task, runs it to its end, takes the next."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        journal: Journal,
        resolver: WorkspaceResolver,
        sessions: Mapping[Mode, Session],
        dialogue: Dialogue,
        people: People,
        board: StatusBoard,
        messenger: Messenger | None,
        approvals: Approvals | None = None,
    ) -> None:
        self._configuration = configuration
        self._journal = journal
        self._resolver = resolver
        self._sessions = sessions
        self._dialogue = dialogue
        self._people = people
        self._board = board
        self._messenger = messenger
        self._approvals = approvals
        self._queue_grew = asyncio.Event()
        self._running: _Running | None = None

    @property
    def current(self) -> Task | None:
        """The task that runs now."""
        return self._running.task if self._running else None

    def wake(self) -> None:
        """Look at the queue: something was added."""
        self._queue_grew.set()

    def has_taken(self, task_id: int) -> bool:
        """Is this task past the queue?"""
        return self._running is not None and self._running.task.id == task_id

    def prepares(self, task_id: int) -> bool:
        """Is this task on, and its session not begun?"""
        return (
            self._running is not None
            and self._running.task.id == task_id
            and self._running.task.state is not TaskState.RUNNING
        )

    def steer(self, task_id: int, text: str) -> bool:
        """Say ``text`` to the session of a task; False if it does not run any more."""
        if self._running is None or self._running.task.id != task_id:
            return False
        self._running.control.steering.put_nowait(text)
        return True

    def stop(self, task_id: int) -> bool:
        """Ask the session of a task to end; False if it does not run any more."""
        if self._running is None or self._running.task.id != task_id:
            return False
        self._running.control.stop.set()
        return True

    async def run(self) -> None:
        """Work until cancelled. What was running when the daemon went down comes first."""
        for task in await self._journal.tasks.in_states(TaskState.PREPARING, TaskState.RUNNING):
            log.info("task taken up again", task=task.id, state=task.state)
            said = await self._journal.steering.untaken(task.id)
            await self._supervise(task, said, stop=await self._journal.tasks.stop_asked(task.id))
        while True:
            self._queue_grew.clear()
            found = await self._journal.next_queued()
            if found is None:
                await self._queue_grew.wait()
            else:
                await self._supervise(*found)

    async def _supervise(self, task: Task, said: list[str], *, stop: bool = False) -> None:
        """Run one task; whatever goes wrong in it is its own end, not the daemon's.

        :param stop: it was told to stop before the daemon went down
        """
        observer = TaskObserver(
            task,
            journal=self._journal,
            dialogue=self._dialogue,
            people=self._people,
            board=self._board,
            messenger=self._messenger,
            approvals=self._approvals,
        )
        self._running = running = _Running(task)
        for text in said:
            running.control.steering.put_nowait(text)
        if stop:
            running.control.stop.set()
        self._board.working_on(task)
        try:
            result = await self._attempt(running, observer)
            await self._finish(running, observer, result)
            if self._approvals is not None:
                await self._approvals.task_ended()
        finally:
            self._running = None
            self._board.working_on(None)

    async def _attempt(self, running: _Running, observer: TaskObserver) -> SessionResult:
        try:
            if running.task.state is not TaskState.RUNNING:
                early = await self._prepare(running, observer)
                if early is not None:
                    return early
                return await self._run_session(running, observer, recover=False)
            return await self._run_session(running, observer, recover=True)
        except NuketownError as exc:
            return SessionResult(Outcome.FAILED, str(exc))
        except Exception:
            log.exception("task failed unexpectedly", task=running.task.id)
            return SessionResult(
                Outcome.FAILED, "something unexpected went wrong; the log of the daemon says what."
            )

    async def _prepare(self, running: _Running, observer: TaskObserver) -> SessionResult | None:
        """Get the workspace ready; a result only where the task ends with that."""
        request = running.task.request
        crashed = running.task.state is TaskState.PREPARING
        paid_before = crashed and await self._journal.tasks.model_started(running.task.id)
        limit = await self._allowance(running.task)
        if not crashed:
            workspace = await self._resolver.ready(request.project, request.branch, observer)
            if workspace is not None:
                await self._begin(running, workspace, TaskState.PREPARING, TaskState.RUNNING)
                return None
            await self._move(running, TaskState.PREPARING)
        resolving = asyncio.create_task(
            self._resolve(running, observer, limit, model_allowed=not paid_before)
        )
        stopping = asyncio.create_task(running.control.stop.wait())
        try:
            await asyncio.wait({resolving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not resolving.done():
                return SessionResult(Outcome.STOPPED, "Stopped while the workspace was prepared.")
            resolving.result()
        except WorkspaceError as exc:
            if paid_before:
                return SessionResult(
                    Outcome.LOST, f"I was restarted while I prepared the workspace: {exc}"
                )
            raise
        finally:
            resolving.cancel()
            stopping.cancel()
            await asyncio.gather(resolving, stopping, return_exceptions=True)
        return None

    async def _resolve(
        self, running: _Running, observer: TaskObserver, limit: float | None, *, model_allowed: bool
    ) -> None:
        request = running.task.request
        observer.run_name = f"{running.task.id}:workspace:{uuid.uuid4().hex[:8]}"
        workspace = await self._resolver.resolve(
            request.project,
            request.branch,
            request.prompt,
            observer,
            model_allowed=model_allowed,
            max_cost_usd=limit,
        )
        await self._begin(running, workspace, TaskState.RUNNING)

    async def _begin(self, running: _Running, workspace: Workspace, *states: TaskState) -> None:
        """Choose the session and write it down before it starts: a crash finds it by its id."""
        task = running.task
        mode = task.request.mode or self._configuration.daemon.mode
        earlier = await self._continued(task, workspace.path, mode)
        session_id = earlier or str(uuid.uuid4())
        job = SessionJob(
            task.id, task.request.prompt, workspace.path, session_id, resume=earlier is not None
        )
        preparing = asyncio.create_task(self._sessions[mode].prepare(job))
        try:
            await self._move(
                running,
                *states,
                workspace=str(workspace.path),
                base_commit=workspace.head,
                branch=workspace.branch,
                session_id=session_id,
                session_mode=mode,
            )
        finally:
            await preparing

    async def _continued(self, task: Task, workspace: Path, mode: Mode) -> str | None:
        """The session of an earlier task that this one goes on with."""
        earlier = await self._followed(task)
        if (
            earlier is not None
            and earlier.session_id
            and earlier.session_mode is mode
            and earlier.workspace == str(workspace)
        ):
            return earlier.session_id
        return None

    async def _followed(self, task: Task) -> Task | None:
        if task.request.follows is None:
            return None
        return await self._journal.tasks.get(task.request.follows)

    async def _run_session(
        self, running: _Running, observer: TaskObserver, *, recover: bool
    ) -> SessionResult:
        task = running.task
        if task.session_id is None or task.workspace is None or task.session_mode is None:
            raise SessionError("the journal does not know the session of this task.")
        observer.task = task
        observer.run_name = f"{task.id}:session:{uuid.uuid4().hex[:8]}"
        earlier = await self._followed(task)
        job = SessionJob(
            task_id=task.id,
            prompt=task.request.prompt,
            workspace=Path(task.workspace),
            session_id=task.session_id,
            resume=earlier is not None and earlier.session_id == task.session_id,
            recover=recover,
            timeout_s=self._configuration.daemon.headless_timeout,
            max_cost_usd=await self._allowance_of_session(task, recover=recover),
        )
        log.info(
            "session begins", task=task.id, mode=task.session_mode, session=task.session_id,
            recover=recover,
        )  # fmt: skip
        result = await self._sessions[task.session_mode].run(job, running.control, observer)
        if result.cost_usd or result.turns:
            await observer.spent(result.cost_usd, result.turns)
        return result

    async def _allowance_of_session(self, task: Task, *, recover: bool) -> float | None:
        try:
            return await self._allowance(task)
        except BudgetError:
            if not recover:
                raise
            return 0.0  # what was finished is told all the same

    async def _allowance(self, task: Task) -> float | None:
        budget = self._configuration.daemon.budget
        if budget.per_task_usd is None and budget.per_day_usd is None:
            return None  # without waiting for the journal, which is busy with what was just said
        current = await self._journal.tasks.get(task.id)
        spent_today = await self._journal.tasks.spent_today()
        try:
            return allowance(
                budget,
                spent_today=spent_today,
                spent_on_task=current.cost_usd if current else 0.0,
            )
        except BudgetError as exc:
            raise BudgetError(f"I did not start it: {exc}") from exc

    async def _move(self, running: _Running, *states: TaskState, **facts: object) -> None:
        """Take the task through ``states`` in one go; the facts come with the last."""
        # Undone by a power cut, preparing is a task that is still queued; what it pays for has a
        # note of its own.
        durable = states[-1] is not TaskState.PREPARING
        task_id = running.task.id

        def write(transaction: Transaction) -> Task:
            for state in states[:-1]:
                self._journal.tasks.move(transaction, task_id, state)
            return self._journal.tasks.move(transaction, task_id, states[-1], **facts)

        # A full disk makes a queue wait, it does not empty it.
        running.task = await self._journal.until_written(write, durable=durable)
        log.info("task moved", task=running.task.id, state=states[-1])
        self._board.task_changed(running.task)

    async def _finish(
        self, running: _Running, observer: TaskObserver, result: SessionResult
    ) -> None:
        """Write the end and its report down together, however long the disk takes to be free."""
        task = running.task
        work = None
        if task.workspace is not None and task.state is TaskState.RUNNING:
            try:
                changes = await changes_since(
                    Path(task.workspace), task.base_commit, began=task.started
                )
                work = changes.text()
            except WorkspaceError as exc:
                work = str(exc)
        state = _STATES[result.outcome]
        try:
            running.task = await self._write_end(task, state, result, work, observer)
        except TransitionError:
            log.info("task was taken out of the queue", task=task.id)
            return
        log.info("task ended", task=task.id, state=state, outcome=result.outcome)
        self._board.task_changed(running.task)

    async def _write_end(
        self,
        task: Task,
        state: TaskState,
        result: SessionResult,
        work: str | None,
        observer: TaskObserver,
    ) -> Task:
        def write(transaction: Transaction) -> Task:
            observer.settle(transaction)
            ended = self._journal.tasks.move(
                transaction,
                task.id,
                state,
                result=reporting.shortened(result.text),
                # A task that joined a session which was there goes on in that one.
                session_id=result.session_id or task.session_id,
            )
            self._journal.questions.close_of_task(transaction, task.id)
            unheard = self._journal.steering.take_all(transaction, ended.id)
            goes_on = state is TaskState.DONE
            summary = reporting.summary(ended, work, unheard=() if goes_on else unheard)
            self._dialogue.say(transaction, ended, summary)
            if unheard and goes_on:
                self._follow_up(transaction, ended, unheard)
            return ended

        return await self._journal.until_written(write)

    def _follow_up(self, transaction: Transaction, ended: Task, unheard: list[str]) -> None:
        """Queue what was said to the session too late for it to hear."""
        request = ended.request.model_copy(
            update={"prompt": "\n\n".join(unheard)[:PROMPT_LIMIT], "follows": ended.id}
        )
        task = self._journal.tasks.add(transaction, request)
        transaction.on_commit(lambda: self._board.task_changed(task))
        self._dialogue.say(transaction, task, reporting.next_is(task))
