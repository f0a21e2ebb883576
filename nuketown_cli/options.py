"""Options that several commands share, and the values the shell completes for them."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from nuketown_cli.client import Client
from nuketown_cli.discovery import AgentSocket, find_sockets
from nuketown_cli.errors import CommandError
from nuketown_daemon.control.location import SocketDirectories

_COMPLETION_S = 0.5
# Completion scripts evaluate what we print: nothing goes there but words of these letters.
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")


def directories_of(context: typer.Context) -> SocketDirectories:
    """Where this invocation looks for sockets."""
    found = context.find_root().obj
    return found if isinstance(found, SocketDirectories) else SocketDirectories()


def _targets(context: typer.Context) -> list[AgentSocket]:
    targets = find_sockets(directories_of(context))
    named = context.params.get("agent")
    return [t for t in targets if t.agent == named] or targets if named else targets


def _ask(target: AgentSocket, operation: dict[str, object]) -> dict[str, object]:
    try:
        with Client(target, connect_s=_COMPLETION_S) as client:
            return client.request(operation, timeout_s=_COMPLETION_S)
    except CommandError:
        return {}


def _tasks(context: typer.Context) -> list[dict[str, object]]:
    found = []
    for target in _targets(context):
        tasks = _ask(target, {"op": "tasks", "limit": 50}).get("tasks")
        found += [t for t in tasks if isinstance(t, dict)] if isinstance(tasks, list) else []
    return found


def complete_agents(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the agents whose directories are there, and of the caller's own."""
    names = set()
    for target in find_sockets(directories_of(context)):
        status = {"agent": target.agent} if target.agent else _ask(target, {"op": "status"})
        inner = status.get("status", status)
        names.add(inner.get("agent") if isinstance(inner, dict) else None)
    return _plain(names, incomplete)


def complete_unfinished_tasks(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of tasks that can be cancelled."""
    states = ("queued", "preparing", "running")
    ids = {t.get("id") for t in _tasks(context) if t.get("state") in states}
    return _plain({str(i) for i in ids if isinstance(i, int)}, incomplete)


def complete_projects(context: typer.Context, incomplete: str) -> list[str]:
    """Projects that tasks were about lately."""
    requests = [t.get("request") for t in _tasks(context)]
    return _plain({r.get("project") for r in requests if isinstance(r, dict)}, incomplete)


def _plain(words: set[object] | set[str], incomplete: str) -> list[str]:
    return sorted(
        w
        for w in words
        if isinstance(w, str) and w.startswith(incomplete) and _PLAIN_WORD.fullmatch(w)
    )


AgentOption = Annotated[
    str | None,
    typer.Option(
        "--agent",
        "-a",
        metavar="NAME",
        help="The agent to speak to.",
        autocompletion=complete_agents,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
