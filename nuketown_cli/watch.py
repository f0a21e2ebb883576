"""``nuketown watch``."""

from __future__ import annotations

import select
import time

import typer

from nuketown_cli.errors import CommandError, UnreachableError
from nuketown_cli.options import AgentOption, JsonOption, directories_of
from nuketown_cli.output import Output, state_style
from nuketown_cli.reach import Agent, reach_agents
from nuketown_cli.safe_text import safe_text
from nuketown_daemon.events import Event


def watch(context: typer.Context, *, agent: AgentOption = None, json: JsonOption = False) -> None:
    """Show what happens as it happens, until Ctrl-C."""
    output = Output(as_json=json)
    with reach_agents(directories_of(context), agent) as roster:
        for watched in roster.agents:
            watched.start_watching()
        if not json:
            output.note(f"watching {', '.join(a.name for a in roster.agents)}; Ctrl-C ends")
        _show_events(output, roster.agents)
    raise CommandError("nothing is left to watch.")


def _show_events(output: Output, agents: list[Agent]) -> None:
    by_client = {watched.client: watched for watched in agents}
    ready = list(by_client)  # the first events may have come together with the reply
    while by_client:
        for client in ready:
            watched = by_client[client]
            try:
                for event in watched.events(0):
                    show_event(output, watched, event)
            except UnreachableError as exc:
                del by_client[client]
                output.note(f"nuketown: {exc}")
        ready, _, _ = select.select(list(by_client), [], []) if by_client else ([], [], [])


def show_event(output: Output, agent: Agent, event: Event) -> None:
    """Print one event."""
    if output.as_json:
        output.json(event_object(agent.name, event))
        return
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    style = state_style(event.task.state) if event.task and event.kind == "task" else None
    output.line(f"{clock}  {agent.name}  {event_text(event)}", style)


def event_object(agent: str, event: Event) -> dict[str, object]:
    """An event as ``--json`` shows it."""
    payload = event.model_dump(mode="json")
    if event.task is not None:
        payload["task"]["title"] = event.task.title
    return {"agent": agent, "event": payload}


def event_text(event: Event) -> str:
    """An event on one line for people."""
    text = safe_text(event.text.strip(), one_line="\n" not in event.text.strip())
    text = text.replace("\n", "\n          ")
    if event.kind == "task" and event.task is not None:
        title = safe_text(event.task.title, one_line=True)
        return f"task {event.task.id} {event.task.state}: {text or title}"
    if event.kind == "presence":
        return f"[{safe_text(event.show or '?', one_line=True)}] {text}"
    return text
