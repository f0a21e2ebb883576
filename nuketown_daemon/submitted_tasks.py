"""Tasks that come through the local socket: their senders wait for the answer."""

from __future__ import annotations

from nuketown_daemon.chat import new_thread
from nuketown_daemon.chat_commands import ChatCommands
from nuketown_daemon.control.contract import TaskSubmission
from nuketown_daemon.errors import ProtocolError
from nuketown_daemon.journal import Journal, Transaction
from nuketown_daemon.model_choice import ModelChoice
from nuketown_daemon.people import People, uid_requester
from nuketown_daemon.request_parser import (
    Command,
    ParsedTask,
    Refused,
    Remark,
    Unclear,
    Verb,
    read,
)
from nuketown_daemon.task import Task, TaskRequest
from nuketown_daemon.task_runner import TaskRunner
from nuketown_daemon.which_project import WhichProject
from nuketown_daemon.workspace.contract import WorkspaceResolver

_ON_THE_COMMAND_LINE = {
    Verb.HELP: "`nuketown --help` tells what there is",
    Verb.STATUS: "use `nuketown status`",
    Verb.QUEUE: "use `nuketown tasks`",
    Verb.CANCEL: "use `nuketown cancel`",
    Verb.STOP: "use `nuketown cancel`",
    Verb.COST: "`nuketown status` shows what was spent",
    Verb.ATTACH: "`portal-` and the agent's name, in one word, joins its sessions",
}


class SubmittedTasks:
    """Accepts them. Whoever submits is told at once what was wrong, and asked nothing."""

    def __init__(
        self, *, agent: str, journal: Journal, people: People, runner: TaskRunner,
        commands: ChatCommands, resolver: WorkspaceResolver, model: ModelChoice,
        which_project: WhichProject,
    ) -> None:  # fmt: skip
        self._agent = agent
        self._journal = journal
        self._people = people
        self._runner = runner
        self._commands = commands
        self._resolver = resolver
        self._model = model
        self._which_project = which_project

    async def accept(self, submission: TaskSubmission, peer_uid: int) -> Task:
        """Accept a task from the socket.

        :raises NuketownError: it was not understood or can't be written down
        """
        parsed = await self._understood(submission, uid_requester(peer_uid))
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
            thread=new_thread(),
        )

        def write(transaction: Transaction) -> Task:
            # Not after it: the client may be gone by then, and the task must not be left waiting.
            transaction.on_commit(self._runner.wake)
            return self._journal.tasks.add(transaction, request)

        return await self._journal.write(write)

    async def _understood(self, submission: TaskSubmission, requester: str) -> ParsedTask:
        if submission.text is None:
            if submission.project is None or submission.prompt is None:
                raise ProtocolError("a task needs either `text` or both `project` and `prompt`.")
            return ParsedTask(submission.project, submission.prompt)
        text, parsed = read(submission.text, self._agent, self._resolver.known_projects())
        if submission.project is not None:
            return ParsedTask(submission.project, text)
        if isinstance(parsed, Unclear):
            parsed = await self._model.choose(parsed)
        match parsed:
            case ParsedTask():
                return parsed
            case Refused(reason=reason) | Remark(reason=reason):
                raise ProtocolError(reason)
            case Command(verb=Verb.RETRY):
                return await self._repeated(parsed, requester)
            case Command(verb):
                raise ProtocolError(f"`{verb}` is a command: {_ON_THE_COMMAND_LINE[verb]}.")
            case Unclear(candidates=candidates):
                raise ProtocolError(self._which_project.sentence(candidates, text))

    async def _repeated(self, retry: Command, requester: str) -> ParsedTask:
        task = await self._commands.to_repeat(retry, requester, None)
        if isinstance(task, str):
            raise ProtocolError(task)
        again = task.request
        return ParsedTask(again.project, again.prompt, again.branch, again.mode)
