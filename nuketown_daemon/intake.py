"""Whatever is said to the agent becomes an answer, a command, a word to a session, or a task.

Deciding changes nothing; what was decided is written down in one transaction together with the
fact that the message was handled, so that a message is never handled half or twice.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import ValidationError

from nuketown_daemon.budget import allowance
from nuketown_daemon.chat import IncomingMessage, OutgoingMessage
from nuketown_daemon.chat_commands import Answer, ChatCommands
from nuketown_daemon.configuration import Budget
from nuketown_daemon.control.contract import TaskSubmission
from nuketown_daemon.dialogue import Dialogue
from nuketown_daemon.errors import BudgetError, JournalError, NuketownError, ProtocolError
from nuketown_daemon.journal import Journal, Question, Transaction
from nuketown_daemon.people import People, Role, uid_requester
from nuketown_daemon.request_parser import (
    Command,
    Parsed,
    ParsedTask,
    Refused,
    Unclear,
    parse,
    strip_address,
)
from nuketown_daemon.task import ENDED, Task, TaskRequest
from nuketown_daemon.task_runner import TaskRunner
from nuketown_daemon.workspace.contract import WorkspaceResolver
from nuketown_daemon.xmpp.contract import Messenger

log = structlog.get_logger(__name__)

_CANDIDATES_SHOWN = 12
_FEW_WORDS = 5


class Understanding(Protocol):
    """What a model made of a message (nuketown_daemon.understanding)."""

    project: str | None
    prompt: str | None
    branch: str | None
    candidates: tuple[str, ...]
    cost_usd: float
    turns: int


Understand = Callable[[str, Mapping[str, str | None], float | None], Awaitable[Understanding]]
"""Text, known projects, what it may cost at most."""


@dataclass(frozen=True)
class _Context:
    """What a message is about, as far as thread and reply tell."""

    task: Task | None
    questions: tuple[Question, ...]


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
        self._understand = understand
        self._budget = budget
        self.messenger: Messenger | None = None
        self._begun: tuple[IncomingMessage, Answer] | None = None
        """What was done at once for a message that is not written down yet."""

    async def handle(self, message: IncomingMessage) -> None:
        """Handle one message of an owner or peer, not seen before; returns when it is on disk.

        :raises JournalError: it can't be written down, and nothing was done but what had to be at
            once; it is to be handled again
        """
        if self._begun is not None and self._begun[0] == message:
            # Not decided anew: what was stopped may have ended, and another task run by now.
            answer = self._begun[1]
        else:
            answer = await self._decide_safely(message)
            if answer.at_once is not None:
                answer.at_once()
                self._begun = (message, answer)
        await self._apply(message, answer)
        self._begun = None

    async def submit(self, submission: TaskSubmission, peer_uid: int) -> Task:
        """Accept a task from the socket.

        :raises NuketownError: it was not understood or can't be written down
        """
        parsed = await self._parse_submission(submission)
        reply_to = submission.notify
        if reply_to is not None and self._people.role_of(reply_to) is None:
            raise ProtocolError(
                f"notify: {reply_to[:80]!r} is neither an owner nor a peer of this agent."
            )
        request = TaskRequest(
            project=parsed.project,
            prompt=parsed.prompt,
            branch=submission.branch or parsed.branch,
            mode=submission.mode or parsed.mode,
            source="socket",
            requester=uid_requester(peer_uid),
            reply_to=reply_to,
            thread=_new_thread(),
        )

        def write(transaction: Transaction) -> Task:
            # Not after it: the client may be gone by then, and the task must not be left waiting.
            transaction.on_commit(self._runner.wake)
            return self._journal.tasks.add(transaction, request)

        return await self._journal.write(write)

    async def _parse_submission(self, submission: TaskSubmission) -> ParsedTask:
        if submission.text is None:
            if submission.project is None or submission.prompt is None:
                raise ProtocolError("a task needs either `text` or both `project` and `prompt`.")
            return ParsedTask(submission.project, submission.prompt)
        text, _ = strip_address(submission.text, self._agent)
        if submission.project is not None:
            return ParsedTask(submission.project, text)
        parsed = parse(text, self._resolver.known_projects())
        if isinstance(parsed, Unclear):
            parsed = await self._ask_model(parsed)
        match parsed:
            case ParsedTask():
                return parsed
            case Refused(reason):
                raise ProtocolError(reason)
            case Command(verb):
                raise ProtocolError(f"`{verb}` is a command: use `nuketown {verb}`.")
            case Unclear(candidates=candidates):
                raise ProtocolError(self._which_project(candidates))

    async def _decide_safely(self, message: IncomingMessage) -> Answer:
        try:
            return await self._decide(message)
        except JournalError:
            raise
        except Exception:
            log.exception("message failed unexpectedly", sender=message.sender)
            return Answer(
                "Something went wrong with that message and nothing was done: "
                "the log of my daemon says what. Say it in other words, or `help`."
            )

    async def _decide(self, message: IncomingMessage) -> Answer:
        text, _ = strip_address(message.body, self._agent)
        context = await self._context(message)
        known = self._resolver.known_projects()
        parsed = parse(text, known)
        question = self._question_answered(message, text, parsed, context)
        if question is not None:
            return self._answer_question(question, message, text)
        if isinstance(parsed, Command):
            return await self._commands.answer(parsed, message, context.task)
        if isinstance(parsed, Refused):
            return Answer(parsed.reason)
        if context.task is not None and _belongs_to(context.task, parsed):
            return self._in_thread(message, text, context.task)
        if isinstance(parsed, Unclear):
            if self.messenger is not None:
                self.messenger.composing(message.reply_to, active=True)
            parsed = await self._ask_model(parsed)
        if isinstance(parsed, ParsedTask):
            return self._new_task(self._request(message, parsed))
        if isinstance(parsed, Unclear):
            return self._ask_which(message, parsed)
        return Answer("I did not understand that: say `help` to see what I do.")

    async def _context(self, message: IncomingMessage) -> _Context:
        task = None
        if message.reply_to_id is not None:
            task_id = await self._journal.messages.task_of(message.reply_to_id)
            task = await self._journal.tasks.get(task_id) if task_id is not None else None
        if task is None and message.thread is not None:
            task = await self._journal.tasks.newest_in_thread(message.thread)
        if task is not None and not self._may_see(message, task):
            task = None
        questions = await self._journal.questions.open_for(message.sender)
        if self._people.role_of(message.sender) is Role.OWNER and task is not None:
            questions += await self._journal.questions.open_of_task(task.id)
        return _Context(task, tuple({question.id: question for question in questions}.values()))

    def _may_see(self, message: IncomingMessage, task: Task) -> bool:
        """A thread's name can be guessed: it leads only to tasks one may control."""
        return self._people.may_control(message.sender, task)

    def _question_answered(
        self, message: IncomingMessage, text: str, parsed: Parsed, context: _Context
    ) -> Question | None:
        """The open question that this message answers, if it does."""
        choice = text.strip().casefold()
        for question in context.questions:
            if message.reply_to_id is not None and message.reply_to_id == question.stanza_id:
                return question
        offered = [q for q in context.questions if choice in (c.casefold() for c in q.choices)]
        if len(offered) == 1:
            return offered[0]
        if isinstance(parsed, Command) or (isinstance(parsed, ParsedTask) and parsed.explicit):
            return None
        for question in context.questions:
            if context.task is not None and question.task_id == context.task.id:
                return question
        # Most phones send no thread: what is said next answers the only question that is open.
        about_tasks = [q for q in context.questions if q.task_id is not None]
        if len(about_tasks) == 1 and context.task is None:
            return about_tasks[0]
        return _clarification(context.questions, text, parsed)

    def _answer_question(self, question: Question, message: IncomingMessage, text: str) -> Answer:
        if question.task_id is None:
            return self._clarified(question, message, text)

        task_id = question.task_id
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

        return Answer("", write, hand_over)

    def _clarified(self, question: Question, message: IncomingMessage, text: str) -> Answer:
        """The project of an earlier message is named now."""
        answer = parse(text, question.choices)
        project = answer.project if isinstance(answer, ParsedTask) else text.strip()
        parsed = ParsedTask(project, question.about or "")
        try:
            request = self._request(message, parsed)
        except ValidationError:
            return Answer(self._which_project(question.choices))
        accept = self._new_task(request)

        def write(transaction: Transaction) -> str | None:
            self._journal.questions.close(transaction, question.id, text)
            return accept.write(transaction) if accept.write else None

        return Answer("", write, accept.afterwards)

    def _in_thread(self, message: IncomingMessage, text: str, task: Task) -> Answer:
        if task.state not in ENDED:
            if not self._runner.has_taken(task.id):
                return Answer(
                    f"Task {task.id} has not begun yet: say `cancel {task.id}` and ask anew, "
                    "or wait until it runs."
                )

            def write(transaction: Transaction) -> str | None:
                self._journal.steering.add(transaction, task.id, text)
                return None

            def steer() -> None:
                self._runner.steer(task.id, text)

            return Answer("Passed on.", write, steer)
        follow_up = ParsedTask(
            task.request.project, text, task.request.branch, task.session_mode, explicit=False
        )
        return self._new_task(
            self._request(message, follow_up).model_copy(update={"follows": task.id})
        )

    def _request(self, message: IncomingMessage, parsed: ParsedTask) -> TaskRequest:
        return TaskRequest(
            project=parsed.project,
            prompt=parsed.prompt,
            branch=parsed.branch,
            mode=parsed.mode,
            source="room" if message.room else "dm",
            requester=message.sender,
            reply_to=message.reply_to,
            thread=message.thread or _new_thread(),
            source_message_id=message.message_id,
        )

    def _new_task(self, request: TaskRequest) -> Answer:
        if self._runner.current is None:
            self._resolver.look_ahead(request.project)
        return Answer("", self._commands.accept(request), self._runner.wake, thread=request.thread)

    def _ask_which(self, message: IncomingMessage, unclear: Unclear) -> Answer:
        candidates = unclear.candidates or tuple(self._resolver.known_projects())
        text = self._which_project(unclear.candidates)
        thread = message.thread or _new_thread()

        def write(transaction: Transaction) -> str | None:
            self._journal.questions.close_unclear_of(transaction, message.sender)
            self._journal.questions.add(
                transaction,
                Question(
                    id=0,
                    task_id=None,
                    asked_of=message.sender,
                    thread=thread,
                    stanza_id=None,
                    text=text,
                    choices=candidates[:_CANDIDATES_SHOWN],
                    about=unclear.text,
                ),
            )
            return None

        return Answer(text, write, thread=thread, choices=candidates[:_CANDIDATES_SHOWN])

    def _which_project(self, candidates: tuple[str, ...]) -> str:
        known = candidates or tuple(self._resolver.known_projects())
        if not known:
            return (
                "Which project? I know none yet: name one with "
                "`work on PROJECT -- what to do`, or add it to repos.toml."
            )
        shown = ", ".join(known[:_CANDIDATES_SHOWN]) + (
            ", …" if len(known) > _CANDIDATES_SHOWN else ""
        )
        return f"Which project do you mean: {shown}? Say its name, or `work on PROJECT -- …`."

    async def _ask_model(self, unclear: Unclear) -> Parsed:
        """Let a small model choose among the known projects; unclear where it can't."""
        known = self._resolver.known_projects()
        if not known:
            return unclear
        run = f"intake:{uuid.uuid4().hex[:8]}"
        # First: while the journal can't be written a message is tried again and again, and no
        # model may be paid for each time.
        await self._journal.tasks.spent(run, None, 0.0, 0)
        try:
            limit = allowance(self._budget, spent_today=await self._journal.tasks.spent_today())
            found = await self._understand(unclear.text, known, limit)
        except (BudgetError, NuketownError) as exc:
            log.info("message not understood by a model", reason=str(exc))
            return unclear
        await self._journal.tasks.spent(run, None, found.cost_usd, found.turns)
        if found.project in known and found.project is not None:
            # The words stay the sender's: the model chooses the project and nothing else.
            return ParsedTask(found.project, unclear.text, unclear.branch, explicit=False)
        named = tuple(name for name in found.candidates if name in known)
        return Unclear(unclear.text, named or unclear.candidates, unclear.branch, unclear.mode)

    async def _apply(self, message: IncomingMessage, answer: Answer) -> None:
        def write(transaction: Transaction) -> None:
            text = answer.text
            if answer.write is not None:
                text = answer.write(transaction) or text
            self._journal.messages.mark_seen(transaction, message)
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

        await self._journal.write(write)
        if answer.afterwards is not None:
            answer.afterwards()


def _belongs_to(task: Task, parsed: Parsed) -> bool:
    """Is it about the task in whose thread it was said? Some clients keep one thread for ever."""
    if not isinstance(parsed, ParsedTask):
        return True
    if parsed.explicit:
        return False
    return task.state not in ENDED or parsed.project == task.request.project


def _clarification(questions: tuple[Question, ...], text: str, parsed: Parsed) -> Question | None:
    """The question which project was meant, where a few words name one of them."""
    if not isinstance(parsed, ParsedTask) or len(text.split()) > _FEW_WORDS:
        return None
    for question in questions:
        if question.task_id is None and parsed.project in question.choices:
            return question
    return None


def _new_thread() -> str:
    return f"nuketown-{secrets.token_hex(6)}"
