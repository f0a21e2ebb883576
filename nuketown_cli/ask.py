"""``nuketown ask``."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from nuketown_approval.jid import bare_jid
from nuketown_cli.client import REQUEST_LIMIT
from nuketown_cli.errors import UsageError
from nuketown_cli.follow import Follower
from nuketown_cli.options import AgentOption, JsonOption, complete_projects, directories_of
from nuketown_cli.output import Output, task_line, task_object
from nuketown_cli.reach import Agent, connect, one_agent
from nuketown_daemon.task import Mode, Task, TaskState

_INTERRUPTED = 130


class AskCommand(TyperCommand):
    """Keeps the ``--`` of ``ask work on hello -- fix it``, which belongs to the sentence."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Double the first ``--``: one ends the options, the other stays among the words."""
        if "--" in args:
            at = args.index("--")
            args = [*args[:at], "--", *args[at:]]
        return super().parse_args(ctx, args)


def ask(
    context: typer.Context,
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT...", help="What to do, as in a chat message; - reads standard input."
        ),
    ],
    *,
    agent: AgentOption = None,
    project: Annotated[
        str | None,
        typer.Option(
            "--project", "-p", help="Repository to work on.", autocompletion=complete_projects
        ),
    ] = None,
    branch: Annotated[str | None, typer.Option("--branch", "-b", help="Branch of it.")] = None,
    mode: Annotated[Mode | None, typer.Option("--mode", "-m", help="How the session runs.")] = None,
    notify: Annotated[
        str | None, typer.Option(metavar="JID", help="Owner or peer that reports go to as well.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", "-w/-W", help="Show progress until it has ended.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Ask an agent for work.

    Without --project the text is understood like a chat message:
    nuketown ask work on hello -- add a LICENSE file
    """
    output = Output(as_json=json)
    operation = _operation(text, project, branch, mode, notify)
    with one_agent(directories_of(context), agent) as reached, ExitStack() as stack:
        # Watching begins first: no event between the two can be missed.
        watcher = stack.enter_context(_watch(reached)) if wait else None
        task = _submit(output, reached, operation)
        raise typer.Exit(_follow(output, reached, watcher, task))


def _submit(output: Output, agent: Agent, operation: dict[str, object]) -> Task:
    try:
        return agent.task_request(operation)
    except KeyboardInterrupt:
        output.note(
            f"\nwhether {agent.name} accepted the task is not known: see nuketown tasks "
            f"--agent {agent.name}"
        )
        raise


def _follow(output: Output, agent: Agent, watcher: Agent | None, task: Task) -> int:
    """Exit code by how the task ended; without a watcher it is enough that it was accepted."""
    try:
        if output.as_json:
            output.json(task_object(agent.name, task))
        else:
            output.line(task_line(agent.name, task))
        if watcher is None:
            return 0
        ended = Follower(output, watcher, task).run()
    except KeyboardInterrupt:
        output.note(
            f"\ntask {task.id} goes on: see it with nuketown watch --agent {agent.name}, "
            f"end it with nuketown cancel {task.id} --agent {agent.name}"
        )
        return _INTERRUPTED
    return 0 if ended.state is TaskState.DONE else 1


def _watch(agent: Agent) -> Agent:
    watcher = connect(agent.client.target)
    watcher.start_watching()
    return watcher


def _operation(
    words: list[str],
    project: str | None,
    branch: str | None,
    mode: Mode | None,
    notify: str | None,
) -> dict[str, object]:
    if words[0] == "--":  # nothing came before it: there it only ended the options
        words = words[1:]
    text = _standard_input() if words == ["-"] else " ".join(words)
    if not text.strip():
        raise UsageError("there is no text: say what is to be done.")
    operation: dict[str, object] = {"op": "task"}
    operation |= {"text": text} if project is None else {"project": project, "prompt": text}
    operation |= {"branch": branch, "mode": mode and mode.value}
    operation |= {"notify": notify and _account(notify)}
    return {key: _as_text(str(value)) for key, value in operation.items() if value is not None}


def _account(notify: str) -> str:
    try:
        return bare_jid(notify)  # as the daemon has its owners and peers
    except ValueError as exc:
        raise UsageError(f"--notify {notify}: {exc}.") from exc


def _standard_input() -> str:
    data = sys.stdin.buffer.read(REQUEST_LIMIT + 1)
    if len(data) > REQUEST_LIMIT:
        raise UsageError(
            f"standard input is longer than {REQUEST_LIMIT} bytes: put it in a file of the "
            "repository and name that."
        )
    return data.decode(errors="surrogateescape")


def _as_text(value: str) -> str:
    """What is not UTF-8 (a word of a diff in Latin-1) is shown as that, and does not end it all."""
    return value.encode(errors="surrogateescape").decode(errors="replace")
