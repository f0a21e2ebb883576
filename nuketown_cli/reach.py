"""Choosing the agents a command speaks to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self, TypeVar

from pydantic import BaseModel, ValidationError

from nuketown_cli.client import Client
from nuketown_cli.discovery import AgentSocket, find_sockets
from nuketown_cli.errors import CommandError, RefusedError, UnreachableError, UsageError
from nuketown_cli.safe_text import safe_text
from nuketown_daemon.control.contract import Status
from nuketown_daemon.control.location import SocketDirectories
from nuketown_daemon.events import Event
from nuketown_daemon.task import Task

_STATUS_S = 10.0
Model = TypeVar("Model", bound=BaseModel)


def read_reply(model: type[Model], value: object, agent: str) -> Model:
    """Check a part of a daemon's reply.

    :raises CommandError: the daemon speaks another version of the protocol
    """
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        raise CommandError(
            f"{agent}: the daemon answers in a form this nuketown does not understand: run the "
            "same version on both sides."
        ) from exc


@dataclass
class Agent:
    """An agent whose daemon serves the caller."""

    name: str
    client: Client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def status(self) -> Status:
        """How it is."""
        reply = self.client.request({"op": "status"}, timeout_s=_STATUS_S)
        return read_reply(Status, reply.get("status"), self.name)

    def tasks(self, limit: int) -> list[Task]:
        """Its newest tasks and those that are queued or running, oldest first."""
        tasks = self.client.request({"op": "tasks", "limit": limit}).get("tasks")
        if not isinstance(tasks, list):
            raise CommandError(f"{self.name}: the daemon's reply has no list of tasks.")
        return [read_reply(Task, task, self.name) for task in tasks]

    def task_request(self, operation: dict[str, object]) -> Task:
        """Send a request whose answer is one task."""
        return read_reply(Task, self.client.request(operation).get("task"), self.name)

    def start_watching(self) -> None:
        """From here on :meth:`events` has what happens; nothing else can be asked."""
        self.client.request({"op": "watch"})

    def events(self, timeout_s: float) -> list[Event]:
        """What happened, waiting at most ``timeout_s`` seconds.

        :raises UnreachableError: the daemon went away
        """
        lines = self.client.lines(timeout_s)
        return [read_reply(Event, line["event"], self.name) for line in lines if "event" in line]


@dataclass
class Roster:
    """The agents of this machine, as far as they can be reached."""

    agents: list[Agent] = field(default_factory=list)
    unreached: list[tuple[str, CommandError]] = field(default_factory=list)
    """Label of the socket, and why."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for agent in self.agents:
            agent.client.close()


def reach_agents(directories: SocketDirectories, name: str | None = None) -> Roster:
    """Connect to the named agent, or to all.

    :raises CommandError: the named one can't be reached, or there is none at all
    """
    roster = Roster()
    for target in _targets(directories, name):
        try:
            agent = connect(target)
        except CommandError as exc:
            roster.unreached.append((target.label, exc))
            continue
        known = [other.name for other in roster.agents]
        if agent.name in known or name not in (None, agent.name):
            agent.client.close()
        else:
            roster.agents.append(agent)
    if not roster.agents:
        raise _nobody(directories, roster, name)
    return roster


def connect(target: AgentSocket) -> Agent:
    """Connect to one daemon; its answer to ``status`` shows that it serves the caller.

    :raises CommandError: it can't be reached, or is not who it should be
    """
    client = Client(target)
    try:
        agent = Agent(target.label, client)
        status = agent.status()
    except CommandError:
        client.close()
        raise
    # Whose directory it is decides the name: what a daemon calls itself is only its word.
    agent.name = client.label = target.agent or safe_text(status.agent, one_line=True)
    return agent


def one_agent(directories: SocketDirectories, name: str | None) -> Agent:
    """Connect to the named agent, or to the only one.

    :raises UsageError: there are several, and none was named
    """
    roster = reach_agents(directories, name)
    if len(roster.agents) > 1:
        names = ", ".join(agent.name for agent in roster.agents)
        with roster:
            raise UsageError(f"several agents serve you ({names}): name one with --agent.")
    return roster.agents[0]


def _targets(directories: SocketDirectories, name: str | None) -> list[AgentSocket]:
    targets = find_sockets(directories)
    if name is None:
        return targets
    named = [target for target in targets if target.agent == name]
    return named or [target for target in targets if target.agent is None]


def _nobody(directories: SocketDirectories, roster: Roster, name: str | None) -> CommandError:
    errors = [error for _, error in roster.unreached]
    telling = [error for error in errors if not isinstance(error, RefusedError)] or errors
    if len(telling) == 1 or (telling and name is not None):
        return telling[0]
    if telling:
        places = ", ".join(label for label, _ in roster.unreached)
        return UnreachableError(
            f"no agent's daemon can be reached ({places}): nuketown doctor tells more."
        )
    whom = f"agent {name}" if name else "an agent"
    own = directories.runtime_socket or "XDG_RUNTIME_DIR, which is not set"
    return UnreachableError(
        f"no socket of {whom} was found (looked in {directories.agents} and at {own}): is its "
        "nuketown-daemon running?"
    )
