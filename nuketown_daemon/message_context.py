"""What a message is about: the task and the open questions that thread, reply and words tell."""

from __future__ import annotations

from dataclasses import dataclass

from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.journal import Journal, Question
from nuketown_daemon.people import People, Role
from nuketown_daemon.request_parser import Command, Kind, Parsed, ParsedTask, Remark
from nuketown_daemon.task import ACTIVE, ENDED, Task


@dataclass(frozen=True)
class MessageContext:
    """What a message is about, as far as thread and reply tell."""

    task: Task | None
    questions: tuple[Question, ...]

    @property
    def which_project(self) -> Question | None:
        """The sender was asked which project an earlier message means."""
        return next((q for q in self.questions if q.task_id is None), None)


class Contexts:
    """Looks up what messages are about."""

    def __init__(self, journal: Journal, people: People) -> None:
        self._journal = journal
        self._people = people

    async def of(self, message: IncomingMessage) -> MessageContext:
        """Look up the task and the questions of ``message``.

        A thread's name can be guessed: it leads only to tasks that the sender may control.
        """
        task = None
        if message.reply_to_id is not None:
            task_id = await self._journal.messages.task_of(message.reply_to_id)
            task = await self._journal.tasks.get(task_id) if task_id is not None else None
        if task is None and message.thread is not None:
            task = await self._journal.tasks.newest_in_thread(message.thread, message.sender)
        if task is not None and not self._people.may_control(message.sender, task):
            task = None
        questions = await self._journal.questions.open_for(message.sender)
        if self._people.role_of(message.sender) is Role.OWNER and task is not None:
            questions += await self._journal.questions.open_of_task(task.id)
        return MessageContext(
            task, tuple({question.id: question for question in questions}.values())
        )


def question_answered(
    message: IncomingMessage, text: str, parsed: Parsed, context: MessageContext
) -> Question | None:
    """The open question that this message answers, if it does."""
    for question in context.questions:
        if message.reply_to_id is not None and message.reply_to_id == question.stanza_id:
            return question
    offered = [question for question in context.questions if _offers(question, text)]
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
    # A project's name alone: more words than that are a task of their own.
    named = isinstance(parsed, Remark) and parsed.kind is Kind.PROJECT
    return context.which_project if named else None


def answered_knowingly(
    question: Question, message: IncomingMessage, text: str, context: MessageContext
) -> bool:
    """Does the sender know that this answers ``question``?"""
    replied = message.reply_to_id is not None and message.reply_to_id == question.stanza_id
    return replied or context.task is not None or _offers(question, text)


def belongs_to(task: Task, parsed: Parsed) -> bool:
    """Is it about the task in whose thread it was said? Some clients keep one thread for ever."""
    if isinstance(parsed, Remark):
        return _remark_belongs_to(task, parsed)
    if not isinstance(parsed, ParsedTask):
        return True
    if parsed.explicit:
        return False
    return task.state not in ENDED or parsed.project == task.request.project


def _remark_belongs_to(task: Task, remark: Remark) -> bool:
    """Thanks are for nobody to work on; yes and no answer a report that ends in a question."""
    if remark.kind is Kind.COURTESY:
        return False
    if task.state in ENDED:
        asked = (task.result or "").rstrip().endswith("?")
        return asked and remark.kind in (Kind.YES, Kind.NO)
    return task.state in ACTIVE and remark.project in (None, task.request.project)


def _offers(question: Question, text: str) -> bool:
    said = text.strip().rstrip(".!").casefold()
    return said in (choice.casefold() for choice in question.choices)
