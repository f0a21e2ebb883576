"""One definition for people, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nuketown_cli.agents.definition import Agent, Permission
from nuketown_cli.agents.nix_library import Tool
from nuketown_cli.agents.outlook import Outlook, lines
from nuketown_cli.output import Output
from nuketown_cli.safe_text import safe_text

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {"allow": "green", "ask": "yellow", "deny": "red"}
_TITLES = {Tool.OPENCODE: "OpenCode", Tool.CLAUDE_CODE: "Claude Code", Tool.PI: "Pi"}
Outlooks = dict[str, dict[Tool, Outlook]]


def as_json(agent: Agent, outlooks: Outlooks | None, reason: str | None) -> dict[str, Any]:
    """The definition with its defaults, its prompt, and what the tools make of it."""
    value = agent.definition.model_dump(mode="json", exclude={"permissions"}, exclude_none=True)
    permissions: dict[str, Any] = {}
    for tool, permission in agent.definition.permissions.named.items():
        permissions[tool] = permission.model_dump(mode="json")
        for harness, outlook in (outlooks or {}).get(tool, {}).items():
            permissions[tool][harness.value] = {
                "settings": outlook.settings,
                "warnings": outlook.warnings,
            }
    shown = {**value, "permissions": permissions, "prompt": agent.prompt}
    return shown if reason is None else {**shown, "not_rendered": reason}


def show_facts(output: Output, agent: Agent) -> None:
    """Who the agent is, without its permissions."""
    definition = agent.definition
    output.line(f"{definition.shown_name} ({definition.name}), {definition.mode}", "bold")
    output.line(definition.description)
    for title, words in (
        ("tags", definition.tags),
        ("skills", definition.skills),
        ("context", definition.context),
        ("rules", definition.rules),
    ):
        if words:
            output.line(f"{title}: {', '.join(words)}")
    if definition.max_turns is not None:
        output.line(f"turns: at most {definition.max_turns}")
    size, count = len(agent.prompt), len(agent.prompt.splitlines())
    output.line(f"prompt: {count} line{'' if count == 1 else 's'}, {size:,} characters")
    if not definition.permissions.named:
        output.line("permissions: none, so every tool keeps its own defaults")


def show_permissions(output: Output, agent: Agent, outlooks: Outlooks | None) -> None:
    """A table on a terminal, else the same as lines."""
    named = agent.definition.permissions.named
    if not named:
        return
    if output.is_terminal:
        output.console.print(_table(named, outlooks))
        return
    for tool, permission in named.items():
        output.line(f"{tool}: {permission.intent}")
        for rule in permission.rules:
            output.line(f"  {rule}")
        for harness, outlook in (outlooks or {}).get(tool, {}).items():
            for text in _cell(outlook):
                output.line(f"  {_TITLES[harness]}: {text}")


def _table(named: dict[str, Permission], outlooks: Outlooks | None) -> Table:
    from rich.table import Table  # noqa: PLC0415  (slow to import)
    from rich.text import Text  # noqa: PLC0415

    table = Table(show_lines=True)
    tools = [_TITLES[tool] for tool in Tool] if outlooks is not None else []
    for title in ("permission", "as it is written", *tools):
        table.add_column(title, overflow="fold")
    for tool, permission in named.items():
        written = Text(permission.intent, _STYLES[permission.intent])
        for rule in permission.parsed:
            written.append(f"\n{safe_text(str(rule), one_line=True)}", _STYLES[rule.action])
        cells = [
            Text("\n".join(safe_text(text, one_line=True) for text in _cell(outlook)))
            for outlook in (outlooks or {}).get(tool, {}).values()
        ]
        table.add_row(tool, written, *cells)
    return table


def _cell(outlook: Outlook) -> list[str]:
    return [*lines(outlook.settings), *(f"! {warning}" for warning in outlook.warnings)] or ["–"]
