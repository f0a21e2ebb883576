"""Messages that a model is asked about wait here, so that what needs no model waits for none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.chat_commands import Answer
from nuketown_daemon.errors import JournalError
from nuketown_daemon.journal import Journal, Transaction
from nuketown_daemon.which_project import quoted

_LIMIT = 8
"""Each takes half a minute at most; whoever says more is asked instead of the model."""
_RETRY_S = 5.0
_TOO_LATE = "It was understood just now: its answer says how to end it."
log = structlog.get_logger(__name__)


class UnclearMessages:
    """One is put to the model after the other, so that they become tasks in their order.

    :param settle: what comes of a message, once a model has been asked
    :param say: writes down what its sender is told, and what changes with it
    """

    def __init__(
        self,
        journal: Journal,
        settle: Callable[[IncomingMessage], Awaitable[Answer]],
        say: Callable[[Transaction, IncomingMessage, Answer], None],
    ) -> None:
        self._journal = journal
        self._settle = settle
        self._say = say
        self._grew = asyncio.Event()

    async def have_room(self) -> bool:
        """May one more wait?"""
        return len(await self._journal.unclear.waiting()) < _LIMIT

    def put(self, message: IncomingMessage) -> Answer:
        """Let ``message`` wait; what comes of it is said later."""

        def write(transaction: Transaction) -> None:
            self._journal.unclear.add(transaction, message)

        return Answer("", write, self._grew.set)

    async def newest_of(self, sender: str) -> tuple[int, IncomingMessage] | None:
        """What ``sender`` said last that still waits."""
        waiting = await self._journal.unclear.waiting(sender)
        return waiting[-1] if waiting else None

    def named(self, number: int, task: Answer, otherwise: str) -> Answer:
        """``task`` comes of one that waits: its project was said before the model had answered."""

        def write(transaction: Transaction) -> str | None:
            if task.write is None or not self._journal.unclear.take(transaction, number):
                return otherwise
            return task.write(transaction)

        return replace(task, write=write)

    async def dropped(self, sender: str, besides: Answer) -> Answer | None:
        """Drop what waits of ``sender``, who takes it back; None: nothing does.

        :param besides: what is done and said with it
        """
        waiting = await self._journal.unclear.waiting(sender)
        if not waiting:
            return None

        def write(transaction: Transaction) -> str:
            said = (besides.write(transaction) if besides.write else None) or besides.text
            taken = [
                f"«{quoted(message.body)}»"
                for number, message in waiting
                if self._journal.unclear.take(transaction, number)
            ]
            lines = [f"Dropped: {', '.join(taken)}."] if taken else []
            if len(taken) < len(waiting):
                lines.append(_TOO_LATE)
            return "\n".join([*lines, said]).rstrip()

        return replace(besides, write=write)

    async def run(self) -> None:
        """Put what waits to the model, for ever; what waited when the daemon went down, first."""
        while True:
            self._grew.clear()
            try:
                waiting = await self._journal.unclear.waiting()
                if waiting:
                    await self._finish(*waiting[0])
            except JournalError as exc:
                log.error("an unclear message waits for the journal", reason=str(exc))  # noqa: TRY400
                await asyncio.sleep(_RETRY_S)
                continue
            if not waiting:
                await self._grew.wait()

    async def _finish(self, number: int, message: IncomingMessage) -> None:
        answer = await self._settle(message)

        def write(transaction: Transaction) -> bool:
            # Taken back meanwhile, nothing comes of it.
            waits = self._journal.unclear.take(transaction, number)
            if waits:
                self._say(transaction, message, answer)
            return waits

        try:
            came = await self._journal.until_written(write)
        except Exception:
            # One bad message must not end the daemon, and is not tried for ever.
            log.exception("unclear message failed", sender=message.sender)
            await self._journal.until_written(lambda t: self._journal.unclear.take(t, number))
            return
        if came and answer.afterwards is not None:
            answer.afterwards()
