"""What a running task tells, brought to people, journal and presence."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from nuketown_daemon.approvals import Approvals
from nuketown_daemon.chat import OutgoingMessage, whole
from nuketown_daemon.dialogue import Dialogue
from nuketown_daemon.errors import JournalError, SessionError
from nuketown_daemon.journal import Journal, Transaction
from nuketown_daemon.people import People
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.task import Task
from nuketown_daemon.xmpp.contract import Messenger, ProgressUpdate

log = structlog.get_logger(__name__)


class TaskObserver:
    """Implements SessionObserver and PreparationObserver for one task."""

    def __init__(
        self,
        task: Task,
        *,
        journal: Journal,
        dialogue: Dialogue,
        people: People,
        board: StatusBoard,
        messenger: Messenger | None,
        approvals: Approvals | None = None,
    ) -> None:
        self.task = task
        self.run_name = f"task-{task.id}"
        """Name of the process that is paid for, in the journal's ledger."""
        self._journal = journal
        self._dialogue = dialogue
        self._people = people
        self._board = board
        self._messenger = messenger
        self._approvals = approvals
        self._owed: dict[str, tuple[float, int]] = {}
        """Totals of processes that are not in the ledger yet."""
        self._heard = 0
        """Steering messages that the session has, and the journal does not know."""

    async def progress(self, text: str) -> None:
        """Show how it goes on."""
        text = whole(text)
        self._board.progress(self.task, text)
        to = self._dialogue.recipient(self.task)
        if self._messenger is not None and to is not None:
            request = self.task.request
            in_room = request.source == "room" and request.reply_to is not None
            self._messenger.show_progress(
                ProgressUpdate(self.task.id, to, text, request.thread, in_room)
            )

    async def say(self, text: str) -> None:
        """Tell the requester something that must arrive."""
        task, text = self.task, whole(text)
        await self._journal.until_written(
            lambda transaction: self._dialogue.say(transaction, task, text)
        )

    async def waiting(self, reason: str | None) -> None:
        """Show that it waits."""
        self._board.waiting_for(reason)

    async def ask_human(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """Ask the requester and wait for the answer.

        :raises SessionError: nobody answered in time
        """
        self._board.waiting_for("an answer")
        try:
            return await self._dialogue.ask(
                self.task, whole(question), tuple(whole(choice) for choice in choices)
            )
        finally:
            self._board.waiting_for(None)

    async def request_approval(self, kind: str, details: dict[str, str]) -> str:
        """Ask the broker's human; a yes in a sentence.

        :raises SessionError: no, or nobody could be asked
        """
        if self._approvals is None:
            raise SessionError("nobody can be asked: there is no broker.")
        return await self._approvals.ask(kind, details)

    async def message_agent(self, agent: str, text: str) -> None:
        """Send ``text`` to a peer.

        :raises SessionError: not a peer
        """
        jid = self._people.peer_named(agent)
        if jid is None:
            raise SessionError(f"{agent[:60]!r} is not among the peers of xmpp.toml.")
        text = whole(text)
        message = OutgoingMessage(jid, text, task_id=self.task.id)
        await self._journal.write(
            lambda transaction: self._journal.messages.add(transaction, message)
        )
        self._board.said(f"to {jid}: {text}", self.task)

    async def spent(self, cost_usd: float, turns: int) -> None:
        """Note what the process that runs now has cost so far.

        Where the journal can't be written the work goes on: it is noted later, see :meth:`settle`.
        """
        self._owed[self.run_name] = (cost_usd, turns)
        await self._note()

    async def steered(self) -> None:
        """Note that the session has the oldest steering message, now or later as with costs."""
        self._heard += 1
        await self._note()

    async def _note(self) -> None:
        owed, heard = self._owed, self._heard
        self._owed, self._heard = {}, 0
        try:
            await self._journal.write(lambda transaction: self._write(transaction, owed, heard))
        except JournalError as exc:
            self._owed = owed | self._owed
            self._heard += heard
            log.warning("cost and words are noted later", task=self.task.id, reason=str(exc))

    def settle(self, transaction: Transaction) -> None:
        """Write down, with the end of the task, what could not be written before."""
        self._write(transaction, self._owed, self._heard)

    def _write(
        self, transaction: Transaction, owed: Mapping[str, tuple[float, int]], heard: int
    ) -> None:
        for run, (cost_usd, turns) in owed.items():
            self._journal.tasks.note_spent(transaction, run, self.task.id, cost_usd, turns)
        self._journal.steering.note_taken(transaction, self.task.id, heard)

    async def model_started(self) -> None:
        """Note that the bootstrap may have been paid for from here on."""
        self.task = await self._journal.tasks.note(self.task.id, model_started=True)
