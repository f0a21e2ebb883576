"""The question which project was meant: asked, answered, or let go."""

from __future__ import annotations

from nuketown_daemon.chat import IncomingMessage
from nuketown_daemon.chat_commands import Answer
from nuketown_daemon.journal import Journal, Question, Transaction
from nuketown_daemon.request_parser import ParsedTask, Unclear, parse
from nuketown_daemon.task import Task
from nuketown_daemon.workspace.contract import WorkspaceResolver

_CANDIDATES_SHOWN = 12
_QUOTED = 80


class WhichProject:
    """Changes nothing itself: what is to be written down is returned (chat_commands.Answer)."""

    def __init__(self, journal: Journal, resolver: WorkspaceResolver) -> None:
        self._journal = journal
        self._resolver = resolver

    def sentence(self, candidates: tuple[str, ...], about: str) -> str:
        """Ask which of ``candidates`` (or of all that are known) is meant."""
        known = candidates or tuple(self._resolver.known_projects())
        if not known:
            return (
                "Which project? I know none yet: name one with "
                "`work on PROJECT -- what to do`, or add it to repos.toml."
            )
        shown = ", ".join(known[:_CANDIDATES_SHOWN])
        more = ", …" if len(known) > _CANDIDATES_SHOWN else ""
        return (
            f"Which project do you mean for «{quoted(about)}»: {shown}{more}? "
            "Say its name, or `work on PROJECT -- …`; `help` tells what else I understand."
        )

    def ask(self, message: IncomingMessage, unclear: Unclear, thread: str) -> Answer:
        """Ask the sender; a question about an earlier message is over with that."""
        candidates = unclear.candidates or tuple(self._resolver.known_projects())
        question = Question(
            id=0,
            task_id=None,
            asked_of=message.sender,
            thread=thread,
            stanza_id=None,
            text=self.sentence(unclear.candidates, unclear.text),
            choices=candidates[:_CANDIDATES_SHOWN],
            about=unclear.text,
        )

        def write(transaction: Transaction) -> str | None:
            self._journal.questions.close_unclear_of(transaction, message.sender)
            self._journal.questions.add(transaction, question)
            return None

        return Answer(question.text, write, thread=thread, choices=question.choices)

    def ask_again(self, question: Question, name: str) -> Answer:
        """``name`` is the answer, and no project that is known. The question stays open."""
        known = f", or one of {', '.join(question.choices)}" if question.choices else ""
        return Answer(
            f"I know no project {name}: say `work on {name} -- {quoted(question.about)}` if that "
            f"is its name{known}."
        )

    def let_go(self, question: Question, current: Task | None) -> Answer:
        """The sender does not want any more what was not understood."""
        text = f"Dropped: «{quoted(question.about)}». {goes_on(current)}".rstrip()

        def write(transaction: Transaction) -> str | None:
            self._journal.questions.close(transaction, question.id, None)
            return None

        return Answer(text, write)


def task_meant(question: Question, project: str) -> ParsedTask:
    """What was asked for in the message that the question is about."""
    about = question.about or ""
    understood = parse(about, ())
    branch = understood.branch if isinstance(understood, Unclear) else None
    return ParsedTask(project, about, branch)


def goes_on(current: Task | None) -> str:
    """What a ``cancel`` that dropped a request did not end."""
    if current is None:
        return ""
    return f"Task {current.id} goes on: say `cancel {current.id}` if you meant that one."


def quoted(text: str | None) -> str:
    """The beginning of ``text`` on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= _QUOTED else line[: _QUOTED - 1].rstrip() + "…"
