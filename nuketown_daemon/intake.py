"""Whatever is said to the agent becomes an answer, a command, a word to a session, or a task.

Deciding changes nothing; what was decided is written down in one transaction together with the
fact that the message was handled, so that a message is never handled half or twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from pydantic import ValidationError

from nuketown_daemon import reporting
from nuketown_daemon.chat import IncomingMessage, OutgoingMessage, new_thread
from nuketown_daemon.chat_commands import Answer, ChatCommands
from nuketown_daemon.configuration import Budget
from nuketown_daemon.control.contract import TaskSubmission
from nuketown_daemon.dialogue import Dialogue
from nuketown_daemon.errors import JournalError
from nuketown_daemon.journal import Journal, Question, Transaction
from nuketown_daemon.message_context import (
    Contexts,
    MessageContext,
    answered_knowingly,
    belongs_to,
    question_answered,
)
from nuketown_daemon.message_text import split_quotation
from nuketown_daemon.model_choice import ModelChoice, Understand
from nuketown_daemon.people import People
from nuketown_daemon.request_parser import (
    Command,
    Kind,
    Parsed,
    ParsedTask,
    Refused,
    Remark,
    Unclear,
    Verb,
    read,
)
from nuketown_daemon.submitted_tasks import SubmittedTasks
from nuketown_daemon.task import ENDED, Task, TaskRequest, is_project_name
from nuketown_daemon.task_runner import TaskRunner
from nuketown_daemon.unclear_messages import UnclearMessages
from nuketown_daemon.which_project import WhichProject, goes_on, quoted, task_meant
from nuketown_daemon.workspace.contract import WorkspaceResolver
from nuketown_daemon.xmpp.contract import Messenger

log = structlog.get_logger(__name__)


class Intake:
    """Handles messages one after the other (XMPP) and submissions of the socket."""

    def __init__(
        self, *, agent: str, journal: Journal, people: People, dialogue: Dialogue,
        runner: TaskRunner, commands: ChatCommands, resolver: WorkspaceResolver,
        understand: Understand, budget: Budget,
    ) -> None:  # fmt: skip
        self._agent = agent
        self._journal = journal
        self._people = people
        self._dialogue = dialogue
        self._runner = runner
        self._commands = commands
        self._resolver = resolver
        self._model = ModelChoice(journal, people, resolver, understand, budget)
        self._which_project = WhichProject(journal, resolver)
        self._contexts = Contexts(journal, people)
        self._submitted = SubmittedTasks(
            agent=agent, journal=journal, people=people, runner=runner, commands=commands,
            resolver=resolver, model=self._model, which_project=self._which_project,
        )  # fmt: skip
        self.messenger: Messenger | None = None
        self._unclear = UnclearMessages(
            journal, lambda message: self._safely(self._settle, message), self._say
        )
        self._begun: dict[IncomingMessage, Answer] = {}
        """What was done at once for messages that are not written down yet."""

    async def run(self) -> None:
        """Ask a model about the messages that need it, for ever."""
        await self._unclear.run()

    async def handle(self, message: IncomingMessage) -> None:
        """Handle one message of an owner or peer, not seen before; returns when it is on disk.

        :raises JournalError: it can't be written down, and nothing was done but what had to be at
            once; it is to be handled again
        """
        begun = self._begun.pop(message, None)
        if begun is not None:
            # Not decided anew: what was stopped may have ended, and another task run by now.
            answer = begun
        else:
            answer = await self._safely(self._decide, message)
            if answer.at_once is not None:
                answer.at_once()
        try:
            await self._apply(message, answer)
        except JournalError:
            if answer.at_once is not None:
                self._begun[message] = answer
            raise

    async def hurry(self, message: IncomingMessage) -> None:
        """Do what can't wait: a ``stop`` that stands behind messages which wait for the journal.

        It is handled all the same when its turn comes.

        :raises JournalError: not even read
        """
        _, parsed = read(message.body, self._agent, ())
        urgent = isinstance(parsed, Command) and parsed.verb in (Verb.STOP, Verb.CANCEL)
        if not urgent or message in self._begun or await self._journal.messages.has_seen(message):
            return
        answer = await self._safely(self._decide, message)
        if answer.at_once is not None:
            answer.at_once()
            self._begun[message] = answer

    async def submit(self, submission: TaskSubmission, peer_uid: int) -> Task:
        """Accept a task from the socket (:meth:`SubmittedTasks.accept`)."""
        return await self._submitted.accept(submission, peer_uid)

    async def _safely(
        self, decide: Callable[[IncomingMessage], Awaitable[Answer]], message: IncomingMessage
    ) -> Answer:
        try:
            return await decide(message)
        except JournalError:
            raise
        except Exception:
            log.exception("message failed unexpectedly", sender=message.sender)
            return Answer(
                "Something went wrong with that message and nothing was done: "
                "the log of my daemon says what. Say it in other words, or `help`."
            )

    async def _decide(self, message: IncomingMessage) -> Answer:
        text, parsed = read(message.body, self._agent, self._resolver.known_projects())
        said = split_quotation(text)[1] or text
        context = await self._contexts.of(message)
        question = question_answered(message, said, parsed, context)
        if question is not None:
            if question.task_id is None:
                return self._clarified(question, message, said, parsed)
            told = answered_knowingly(question, message, said, context)
            return self._answer_question(question, said, told="" if told else _taken_for(question))
        taken_back = await self._taken_back(message, context) if _lets_go(parsed) else None
        if taken_back is not None:
            return taken_back
        if isinstance(parsed, Command):
            return await self._command(message, parsed, context)
        if isinstance(parsed, Refused):
            return Answer(parsed.reason)
        if context.task is not None and belongs_to(context.task, parsed):
            return self._in_thread(message, text, context.task)
        if isinstance(parsed, Remark):
            return await self._named_now(message, parsed) or Answer(parsed.reason)
        return await self._asked_for(message, said, parsed, context.which_project)

    async def _taken_back(self, message: IncomingMessage, context: MessageContext) -> Answer | None:
        """Drop what the sender asked for and is no task yet; None: there is nothing."""
        current = self._runner.current
        dropped = await self._unclear.dropped(message.sender, Answer(goes_on(current)))
        if dropped is None and context.which_project is not None:
            return self._which_project.let_go(context.which_project, current)
        return dropped

    async def _command(
        self, message: IncomingMessage, command: Command, context: MessageContext
    ) -> Answer:
        answer = await self._commands.answer(command, message, context.task)
        if command.verb is Verb.STOP:
            return await self._unclear.dropped(message.sender, answer) or answer
        return answer

    async def _asked_for(
        self,
        message: IncomingMessage,
        said: str,
        parsed: ParsedTask | Unclear,
        asked: Question | None,
    ) -> Answer:
        if isinstance(parsed, Unclear):
            if asked is not None and is_project_name(said):
                return self._which_project.ask_again(asked, said)
            if await self._unclear.have_room() and self._model.may_be_asked(message.sender):
                if self.messenger is not None:
                    self.messenger.composing(message.reply_to, active=True)
                return self._unclear.put(message)
        return self._task_or_question(message, parsed, asked)

    async def _settle(self, message: IncomingMessage) -> Answer:
        """What comes of a message that had to wait for the model."""
        if self._people.role_of(message.sender) is None:
            return Answer("")  # no owner or peer any more
        text, parsed = read(message.body, self._agent, self._resolver.known_projects())
        if not isinstance(parsed, ParsedTask | Unclear):
            parsed = Unclear(text)
        context = await self._contexts.of(message)
        if context.task is not None and belongs_to(context.task, parsed):
            return self._in_thread(message, text, context.task)
        asked = context.which_project
        if isinstance(parsed, Unclear):
            if asked is not None and is_project_name(split_quotation(text)[1] or text):
                return self._which_project.ask_again(asked, text)
            parsed = await self._model.choose(parsed)
            asked = (await self._contexts.of(message)).which_project
        return self._task_or_question(message, parsed, asked)

    async def _named_now(self, message: IncomingMessage, remark: Remark) -> Answer | None:
        """The project of an earlier message is said while the model still thinks about that."""
        waiting = await self._unclear.newest_of(message.sender)
        if waiting is None or remark.kind is not Kind.PROJECT or remark.project is None:
            return None
        number, earlier = waiting
        _, parsed = read(earlier.body, self._agent, self._resolver.known_projects())
        if not isinstance(parsed, Unclear):
            return None
        meant = ParsedTask(remark.project, parsed.text, parsed.branch, parsed.mode)
        task = self._new_task(self._request(message, meant))
        return self._unclear.named(number, task, remark.reason)

    def _task_or_question(
        self, message: IncomingMessage, parsed: ParsedTask | Unclear, asked: Question | None
    ) -> Answer:
        """Accept a task, or ask its sender which project it is for."""
        if isinstance(parsed, Unclear):
            return self._which_project.ask(message, parsed, message.thread or new_thread())
        request = self._request(message, parsed)
        return self._new_task(request, asked, let_go=not parsed.explicit)

    def _answer_question(self, question: Question, text: str, *, told: str) -> Answer:
        task_id = question.task_id
        assert task_id is not None
        late = f"Answer to your question «{question.text}»: {text}"
        awaited = self._dialogue.awaits(question)
        prepares = self._runner.prepares(task_id)

        def write(transaction: Transaction) -> str | None:
            if prepares and not awaited:
                # Asked before a restart: preparing comes to the same question again.
                self._journal.questions.keep_answer(transaction, question.id, text)
                return None
            self._journal.questions.close(transaction, question.id, text)
            if not awaited:
                # Asked before a restart: the session that goes on now is told.
                self._journal.steering.add(transaction, task_id, late)
            return None

        def hand_over() -> None:
            if not self._dialogue.answered(question, text) and not prepares:
                self._runner.steer(task_id, late)

        return Answer(told, write, hand_over)

    def _clarified(
        self, question: Question, message: IncomingMessage, text: str, parsed: Parsed
    ) -> Answer:
        """The project of an earlier message is named now."""
        named = parsed.project if isinstance(parsed, Remark) else None
        try:
            request = self._request(message, task_meant(question, named or text.strip()))
        except ValidationError:
            return Answer(self._which_project.sentence(question.choices, question.about or ""))
        return self._new_task(request, question)

    def _in_thread(self, message: IncomingMessage, text: str, task: Task) -> Answer:
        if task.state not in ENDED:
            if not self._runner.has_taken(task.id):
                return Answer(
                    f"Task {task.id} has not begun yet: say `cancel {task.id}` and ask anew, "
                    "or wait until it runs."
                )

            return self._steering(message, text, task)
        return self._new_task(self._follow_up(message, text, task))

    def _steering(self, message: IncomingMessage, text: str, task: Task) -> Answer:
        def write(transaction: Transaction) -> str | None:
            if self._journal.tasks.state_of(transaction, task.id) in ENDED:
                # It ended while this was read: nobody would hear it there.
                request = self._follow_up(message, text, task)
                return reporting.next_is(self._journal.tasks.add(transaction, request))
            self._journal.steering.add(transaction, task.id, text)
            return None

        def steer() -> None:
            self._runner.steer(task.id, text)
            self._runner.wake()

        return Answer("Passed on.", write, steer)

    def _follow_up(self, message: IncomingMessage, text: str, task: Task) -> TaskRequest:
        said = ParsedTask(
            task.request.project, text, task.request.branch, task.session_mode, explicit=False
        )
        return self._request(message, said).model_copy(update={"follows": task.id})

    def _request(self, message: IncomingMessage, parsed: ParsedTask) -> TaskRequest:
        return TaskRequest(
            project=parsed.project,
            prompt=parsed.prompt,
            branch=parsed.branch,
            mode=parsed.mode,
            source="room" if message.room else "dm",
            requester=message.sender,
            reply_to=message.reply_to,
            thread=message.thread or new_thread(),
            source_message_id=message.message_id,
        )

    def _new_task(
        self, request: TaskRequest, asked: Question | None = None, *, let_go: bool = False
    ) -> Answer:
        """Accept a task.

        :param asked: the question which project an earlier message means, over with this
        :param let_go: the earlier message is dropped by that, and its sender is told
        """
        if self._runner.current is None:
            self._resolver.look_ahead(request.project)
        accept = self._commands.accept(request)

        def write(transaction: Transaction) -> str:
            said = accept(transaction)
            if asked is None:
                return said
            self._journal.questions.close(
                transaction, asked.id, None if let_go else request.project
            )
            if not let_go:
                return said
            return (
                f"{said}\nI let go of «{quoted(asked.about)}»: say it again with its project's "
                "name if you still want it."
            )

        return Answer("", write, self._runner.wake, thread=request.thread)

    async def _apply(self, message: IncomingMessage, answer: Answer) -> None:
        def write(transaction: Transaction) -> None:
            self._say(transaction, message, answer)
            self._journal.messages.mark_seen(transaction, message)

        await self._journal.write(write)
        if answer.afterwards is not None:
            answer.afterwards()

    def _say(self, transaction: Transaction, message: IncomingMessage, answer: Answer) -> None:
        text = answer.text
        if answer.write is not None:
            text = answer.write(transaction) or text
        if text:
            self._journal.messages.add(
                transaction,
                OutgoingMessage(
                    message.reply_to,
                    text,
                    answer.thread or message.thread,
                    message.room is not None,
                    choices=answer.choices,
                ),
            )


def _taken_for(question: Question) -> str:
    return f"I take that for your answer to «{quoted(question.text)}»."


def _lets_go(parsed: Parsed) -> bool:
    if isinstance(parsed, Command):
        return parsed.verb is Verb.CANCEL and parsed.task_id is None
    return isinstance(parsed, Remark) and parsed.kind is Kind.NO
