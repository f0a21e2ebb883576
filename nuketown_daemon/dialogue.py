"""Questions to people and their answers, which may come hours and restarts later."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from nuketown_daemon.chat import OutgoingMessage
from nuketown_daemon.errors import SessionError
from nuketown_daemon.journal import Journal, Question, Transaction
from nuketown_daemon.people import People
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.task import Task


class Dialogue:
    """Asks for running tasks and hands the answers to whoever waits for them."""

    def __init__(
        self, journal: Journal, people: People, board: StatusBoard, *, timeout_s: float
    ) -> None:
        self._journal = journal
        self._people = people
        self._board = board
        self._timeout_s = timeout_s
        self._waiting: dict[int, asyncio.Future[str]] = {}

    def recipient(self, task: Task) -> str | None:
        """Bare JID (of a person or a room) that hears about ``task``."""
        return task.request.reply_to or self._people.first_owner

    def message(
        self, task: Task, body: str, choices: tuple[str, ...] = ()
    ) -> OutgoingMessage | None:
        """Make a message about ``task``; None where nobody is there to read it."""
        to = self.recipient(task)
        if to is None:
            return None
        in_room = task.request.source == "room" and task.request.reply_to is not None
        return OutgoingMessage(to, body, task.request.thread, in_room, task.id, choices)

    def say(self, transaction: Transaction, task: Task, body: str) -> None:
        """Write down what the requester has to hear about ``task``."""
        message = self.message(task, body)
        if message is not None:
            self._journal.messages.add(transaction, message)
        transaction.on_commit(lambda: self._board.said(body, task))

    async def ask(self, task: Task, text: str, choices: tuple[str, ...] = ()) -> str:
        """Ask the requester and wait for the answer.

        :raises SessionError: nobody to ask, or no answer in time
        """
        asked_before = await self._asked_before(task, text, choices)
        question = asked_before or await self._write_down(task, text, choices)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[question.id] = future
        answered = False
        try:
            if asked_before is not None:
                await self._look_for_answer(asked_before)
            async with asyncio.timeout(self._timeout_s):
                answer = await future
            answered = True
            if asked_before is not None:
                await self._close(asked_before, answer)
        except TimeoutError as exc:
            await self._close(question, None)
            raise SessionError(
                f"nobody answered within {self._timeout_s / 60:.0f} minutes: {text[:200]}"
            ) from exc
        finally:
            # Cancelled: the daemon goes down and the question stays open in the journal.
            del self._waiting[question.id]
            if not answered:
                future.cancel()
        return answer

    async def _asked_before(
        self, task: Task, text: str, choices: tuple[str, ...]
    ) -> Question | None:
        """The same question, asked before a restart: nobody has to read or answer it twice."""
        for question in await self._journal.questions.unsettled_of_task(task.id):
            if (question.text, question.choices) == (text, choices) and not self.awaits(question):
                return question
        return None

    async def _look_for_answer(self, question: Question) -> None:
        """Take what was said since; from here on it is handed over, as somebody waits."""
        assert question.task_id is not None
        for now in await self._journal.questions.unsettled_of_task(question.task_id):
            if now.id == question.id and now.answer is not None:
                self.answered(now, now.answer)

    async def _close(self, question: Question, answer: str | None) -> None:
        await self._journal.write(
            lambda transaction: self._journal.questions.close(transaction, question.id, answer)
        )

    async def _write_down(self, task: Task, text: str, choices: tuple[str, ...]) -> Question:
        message = self.message(task, text, choices)
        if message is None:
            raise SessionError(
                "there is nobody to ask: name an owner in xmpp.toml (owners) or answer up front."
            )
        requester = task.request.requester
        asked_of = self._people.first_owner if requester.startswith("uid:") else requester
        question = Question(
            id=0,
            task_id=task.id,
            asked_of=asked_of or message.to,
            thread=task.request.thread,
            stanza_id=None,
            text=text,
            choices=choices,
        )

        stale = [
            earlier
            for earlier in await self._journal.questions.unsettled_of_task(task.id)
            if not self.awaits(earlier)
        ]

        def write(transaction: Transaction) -> Question:
            for earlier in stale:
                # Asked before a restart, in other words: an answer would be taken for that one.
                self._journal.questions.close(transaction, earlier.id, earlier.answer)
            stanza_id = self._journal.messages.add(transaction, message)
            return self._journal.questions.add(transaction, replace(question, stanza_id=stanza_id))

        question = await self._journal.until_written(write)
        self._board.said(text, task)
        return question

    def awaits(self, question: Question) -> bool:
        """Does somebody wait for this answer right now?"""
        future = self._waiting.get(question.id)
        return future is not None and not future.done()

    def answered(self, question: Question, answer: str) -> bool:
        """Hand over an answer that is on disk; False if nobody waits for it any more."""
        future = self._waiting.get(question.id)
        if future is None or future.done():
            return False
        future.set_result(answer)
        return True
