"""``python -m benchmarks [NAME] [--json]``: measure, and print."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.agent_definitions import agent_definitions
from benchmarks.broker import broker_idle, broker_pending
from benchmarks.cost_per_task import cost_per_task
from benchmarks.dm_to_session import dm_to_session
from benchmarks.fifty_daemons import fifty_daemons
from benchmarks.figure import Figure
from benchmarks.idle_memory import idle_memory
from benchmarks.nix_evaluation import nix_evaluation
from benchmarks.ready_time import ready_time
from benchmarks.sudo_cost import sudo_cost
from benchmarks.thousand_tasks import thousand_tasks
from nuketown_daemon.errors import NuketownError

BENCHMARKS: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "idle-memory": idle_memory,
    "fifty-daemons": fifty_daemons,
    "ready-time": ready_time,
    "dm-to-session": dm_to_session,
    "thousand-tasks": thousand_tasks,
    "cost-per-task": cost_per_task,
    "sudo": sudo_cost,
    "broker-idle": broker_idle,
    "broker-pending": broker_pending,
    "agent-definitions": agent_definitions,
    "nix-evaluation": nix_evaluation,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit status says only whether it could be measured."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="Print the figures.")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", choices=BENCHMARKS, help=", ".join(BENCHMARKS)
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per figure and line")
    arguments = parser.parse_args(argv)
    names = [arguments.name] if arguments.name else list(BENCHMARKS)
    table = _table()
    status = 0
    for name in names:
        try:
            figures = asyncio.run(_run(name, quiet=arguments.json))
        except (NuketownError, OSError) as exc:  # TimeoutError is one of the latter
            # One that can't be measured takes no other with it, and what was measured is printed.
            reason = str(exc) or f"{type(exc).__name__} in {_place(exc)}"
            sys.stderr.write(f"bench: {name} could not be measured: {reason}\n")
            status = 1
            continue
        for figure in figures:
            if arguments.json:
                sys.stdout.write(json.dumps(figure.as_object()) + "\n")
                sys.stdout.flush()
            else:
                table.add_row(*_row(figure))
    if not arguments.json and table.rows:
        Console().print(table)
    return status


def _place(exc: BaseException) -> str:
    """The line of ours that an exception without words came through last."""
    frames = [f for f in traceback.extract_tb(exc.__traceback__) if "benchmarks" in f.filename]
    last = frames[-1]
    return f"{Path(last.filename).name}:{last.lineno} ({last.line})"


async def _run(name: str, *, quiet: bool) -> list[Figure]:
    if not quiet:
        Console(stderr=True).print(f"measuring {name} …", style="dim")
    return await BENCHMARKS[name]()


def _table() -> Table:
    table = Table(title="Figures: medians of what was measured side by side in this run")
    table.add_column("figure", no_wrap=True)
    for column in ("value", "baseline", "ratio", "spread", "target"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("compared with")
    return table


def _row(figure: Figure) -> tuple[str, ...]:
    mark = {True: " [green]✓[/]", False: " [red]✗[/]", None: ""}[figure.met]
    sign = "≤" if figure.better == "lower" else "≥"
    low, high = figure.spread
    return (
        figure.name,
        f"{_number(figure.value)} {figure.unit}",
        "" if figure.baseline is None else f"{_number(figure.baseline)} {figure.unit}",
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        f"{_number(low)}–{_number(high)}",
        "" if figure.target is None else f"{sign} {figure.target:g}{mark}",
        figure.compared_with,
    )


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return (
        f"{value:.4f}"
        if abs(value) < 0.1
        else f"{value:.2f}"
        if abs(value) < 100
        else f"{value:.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
