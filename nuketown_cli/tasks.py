"""``nuketown tasks``."""

from __future__ import annotations

from typing import Annotated

import typer

from nuketown_cli.options import AgentOption, JsonOption, directories_of
from nuketown_cli.output import Output, state_style, task_line, task_object
from nuketown_cli.reach import reach_agents


def tasks(
    context: typer.Context,
    *,
    agent: AgentOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="Newest tasks of each agent.")
    ] = 20,
    json: JsonOption = False,
) -> None:
    """List the newest tasks, and all that are queued or running, oldest first."""
    output = Output(as_json=json)
    with reach_agents(directories_of(context), agent) as roster:
        for reached in roster.agents:
            for task in reached.tasks(limit):
                if json:
                    output.json(task_object(reached.name, task))
                else:
                    output.line(task_line(reached.name, task), state_style(task.state))
