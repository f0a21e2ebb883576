"""The daemon put together: one TaskGroup and one AsyncExitStack, every part starts here."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path

import structlog

from nuketown_approval.service_manager import ServiceManager
from nuketown_daemon import __version__
from nuketown_daemon.approvals import Approvals
from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.chat_commands import ChatCommands
from nuketown_daemon.configuration import Configuration, state_directory
from nuketown_daemon.control.contract import HookReport, Status, TaskSubmission
from nuketown_daemon.control.location import SocketDirectories
from nuketown_daemon.control.server import ControlServer
from nuketown_daemon.dialogue import Dialogue
from nuketown_daemon.errors import JournalError, ProtocolError
from nuketown_daemon.events import Event, EventStream
from nuketown_daemon.intake import Intake
from nuketown_daemon.journal import Journal
from nuketown_daemon.model_choice import Understanding
from nuketown_daemon.people import People, uid_requester
from nuketown_daemon.secret_file import read_secret
from nuketown_daemon.session.headless import HeadlessSession
from nuketown_daemon.session.interactive import InteractiveSession
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.task import Mode, Task, TaskState
from nuketown_daemon.task_runner import TaskRunner
from nuketown_daemon.workspace.resolver import Resolver
from nuketown_daemon.xmpp.connection import Connection

log = structlog.get_logger(__name__)


class Application:
    """The parts of one running daemon; implements control.contract.Control."""

    def __init__(self, configuration: Configuration, journal: Journal, socket: Path) -> None:
        state = state_directory()
        self._configuration = configuration
        self._journal = journal
        self.events = EventStream()
        self.board = StatusBoard(self.events)
        people = People(configuration.xmpp)
        self.connection = self._connect(journal)
        self.approvals = Approvals(
            configuration.identity.name,
            self.board,
            configuration.daemon.broker_socket,
            self.connection.approvals.ask if self.connection is not None else None,
        )
        self._interactive = InteractiveSession(configuration, state, socket)
        resolver = Resolver(configuration, state)
        settings = configuration.daemon
        dialogue = Dialogue(
            journal, people, self.board, timeout_s=settings.session.question_timeout
        )
        self.runner = TaskRunner(
            configuration=configuration,
            journal=journal,
            resolver=resolver,
            sessions={
                Mode.HEADLESS: HeadlessSession(configuration, state),
                Mode.INTERACTIVE: self._interactive,
            },
            dialogue=dialogue,
            people=people,
            board=self.board,
            messenger=self.connection,
            approvals=self.approvals,
        )
        per_day = settings.budget.per_day_usd
        self._commands = ChatCommands(
            agent=configuration.identity.name,
            journal=journal,
            people=people,
            board=self.board,
            runner=self.runner,
            budget_note=f" of ${per_day:.2f}" if per_day else "",
        )
        self.intake = Intake(
            agent=configuration.identity.name,
            journal=journal,
            people=people,
            dialogue=dialogue,
            runner=self.runner,
            commands=self._commands,
            resolver=resolver,
            understand=self._understand,
            budget=settings.budget,
        )
        self.intake.messenger = self.connection

    def _connect(self, journal: Journal) -> Connection | None:
        settings = self._configuration.xmpp
        if settings is None:
            return None
        password = read_secret(self._configuration.password_file, key="xmpp.toml: password_file")
        return Connection(
            settings,
            self._configuration.identity,
            password,
            journal.messages,
            self._handle,
            self._hurry,
        )

    async def _handle(self, message: IncomingMessage) -> None:
        await self.intake.handle(message)

    async def _hurry(self, message: IncomingMessage) -> None:
        await self.intake.hurry(message)

    async def _understand(
        self, text: str, projects: Mapping[str, str | None], max_cost_usd: float | None
    ) -> Understanding:
        # Rarely needed: most messages are understood by rules.
        from nuketown_daemon.understanding import understand  # noqa: PLC0415

        return await understand(
            text,
            projects,
            configuration=self._configuration,
            state_directory=state_directory(),
            max_cost_usd=max_cost_usd,
        )

    async def submit(self, submission: TaskSubmission, peer_uid: int) -> Task:
        """Accept a task from the socket."""
        return await self.intake.submit(submission, peer_uid)

    async def status(self) -> Status:
        """Tell how the agent is."""
        identity = self._configuration.identity
        presence = self.board.presence
        return Status(
            agent=identity.name,
            role=identity.role,
            model=identity.model,
            jid=self._configuration.xmpp.jid if self._configuration.xmpp else None,
            connected=self.connection is not None and self.connection.connected,
            problem=self.connection.problem if self.connection else None,
            show=presence.show,
            status=presence.status,
            current=self.runner.current,
            queued=await self._journal.tasks.count(TaskState.QUEUED),
            cost_today_usd=await self._journal.tasks.spent_today(),
            version=__version__,
            pid=os.getpid(),
        )

    async def tasks(self, limit: int) -> list[Task]:
        """List the newest tasks and all that have not ended."""
        return await self._journal.tasks.newest(limit)

    async def cancel(self, task_id: int | None, peer_uid: int) -> Task:
        """End a task (None: the running one)."""
        if task_id is None:
            task = self.runner.current
        else:
            task = await self._journal.tasks.get(task_id)
        if task is None:
            raise ProtocolError(
                "nothing is running." if task_id is None else f"there is no task {task_id}."
            )
        answer = await self._commands.cancel(task, uid_requester(peer_uid))
        if answer.write is None:
            raise ProtocolError(answer.text)
        if answer.at_once is not None:
            answer.at_once()
        await self._journal.write(answer.write)
        if answer.afterwards is not None:
            answer.afterwards()
        return await self._journal.tasks.get(task.id) or task

    def watch(self) -> AbstractContextManager[asyncio.Queue[Event]]:
        """Subscribe to events."""
        return self.events.subscribe()

    async def catch_up(self) -> None:
        """Read what the hooks of tmux sessions reported while the daemon was down."""
        await self._interactive.drain_spool()

    async def hook(self, report: HookReport) -> None:
        """Hand a Claude Code hook's report to the interactive session."""
        await self._interactive.hook(report)


async def run(configuration: Configuration) -> None:
    """Run the daemon until SIGTERM, SIGINT, or SIGHUP (its terminal was closed).

    :raises NuketownError: it can't start; one sentence says why
    """
    manager = ServiceManager.from_environment()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        numbers.remove(signal.SIGHUP)  # nohup(1)
    for number in numbers:
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            Journal.open(state_directory() / "journal.sqlite3")
        )
        try:
            await journal.messages.prune()
        except JournalError as exc:  # no room, say: people are told when they write
            log.warning("old messages are kept for now", reason=str(exc))
        location = SocketDirectories().of_daemon(configuration)
        application = Application(configuration, journal, location.path)
        await stack.enter_async_context(ControlServer(application, location))
        await application.catch_up()
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(application.runner.run(), name="task runner")]
            parts.append(group.create_task(application.intake.run(), name="intake"))
            parts.append(group.create_task(manager.watchdog(), name="watchdog"))
            parts.append(group.create_task(application.approvals.run(), name="approvals"))
            if application.connection is not None:
                parts.append(group.create_task(application.connection.run(), name="xmpp"))
                application.board.on_change(application.connection.set_presence)
            manager.ready()
            application.board.on_change(lambda presence: manager.status(presence.status))
            log.info("ready", agent=configuration.identity.name, socket=str(location.path))
            await stopped.wait()
            log.info("stopping")
            manager.stopping()
            for part in parts:
                part.cancel()
