"""``nuketown status``."""

from __future__ import annotations

import typer

from nuketown_cli.errors import CommandError, RefusedError
from nuketown_cli.options import AgentOption, JsonOption, directories_of
from nuketown_cli.output import Output
from nuketown_cli.reach import reach_agents
from nuketown_cli.safe_text import safe_text
from nuketown_daemon.control.contract import Status

_STATE_WIDTH = 12
"""Columns in which a state can still be read, in several lines."""
_UNLIMITED = 10_000


def status(context: typer.Context, *, agent: AgentOption = None, json: JsonOption = False) -> None:
    """Show what the agents are doing."""
    output = Output(as_json=json)
    rows: list[tuple[str, Status]] = []
    with reach_agents(directories_of(context), agent) as roster:
        for reached in roster.agents:
            try:
                rows.append((reached.name, reached.status()))
            except CommandError as exc:
                roster.unreached.append((reached.name, exc))
    if json:
        for name, row in rows:
            output.json(row.model_dump(mode="json") | {"agent": name})
    elif not (output.is_terminal and _show_table(output, rows)):
        for name, row in rows:
            model = f"{_model(row)}  " if row.model else ""
            output.line(f"{name}  {model}{_state(row)}  {_details(row)}")
    for label, error in roster.unreached:
        if isinstance(error, RefusedError):
            continue  # it works for somebody else
        if json:
            output.json({"agent": label, "error": str(error)})
        else:
            output.note(f"nuketown: {error}")


def _state(row: Status) -> str:
    return safe_text(row.status, one_line=True)


def _model(row: Status) -> str:
    return safe_text(row.model or "", one_line=True)


def _details(row: Status) -> str:
    online = "online" if row.connected else "offline" if row.jid else "no XMPP account"
    return f"({online}, {row.queued} queued, ${row.cost_today_usd:.2f} today)"


def _show_table(output: Output, rows: list[tuple[str, Status]]) -> bool:
    """False: the terminal is too narrow for it."""
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("agent", "role", "model", "state", "queued", "today", "XMPP"):
        table.add_column(title, no_wrap=title != "state")
    colours = {"chat": "green", "dnd": "cyan", "away": "yellow"}
    for name, row in rows:
        table.add_row(
            Text(name, style="bold"),
            Text(safe_text(row.role, one_line=True)),
            Text(_model(row)),
            Text(_state(row), style=colours.get(row.show, "")),
            Text(str(row.queued)),
            Text(f"${row.cost_today_usd:.2f}"),
            Text("online" if row.connected else "offline" if row.jid else "none"),
        )
    console = output.console
    unlimited = console.measure(table, options=console.options.update(width=_UNLIMITED)).maximum
    state = max(cell_len(_state(row)) for _, row in rows)
    if unlimited - state + min(state, _STATE_WIDTH) > console.width:
        return False
    console.print(table)
    return True
