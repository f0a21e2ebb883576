"""``nuketown cancel``."""

from __future__ import annotations

from typing import Annotated

import typer

from nuketown_cli.options import (
    AgentOption,
    JsonOption,
    complete_unfinished_tasks,
    directories_of,
)
from nuketown_cli.output import Output, task_line, task_object
from nuketown_cli.reach import one_agent


def cancel(
    context: typer.Context,
    task_id: Annotated[
        int | None,
        typer.Argument(
            metavar="[ID]",
            min=1,
            help="The task; without it the running one.",
            autocompletion=complete_unfinished_tasks,
        ),
    ] = None,
    *,
    agent: AgentOption = None,
    json: JsonOption = False,
) -> None:
    """End a task."""
    output = Output(as_json=json)
    operation: dict[str, object] = {"op": "cancel"}
    if task_id is not None:
        operation["id"] = task_id
    with one_agent(directories_of(context), agent) as reached:
        task = reached.task_request(operation)
    if json:
        output.json(task_object(reached.name, task))
    else:
        output.line(task_line(reached.name, task))
