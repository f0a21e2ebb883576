"""What each tool makes of one definition, permission by permission."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuketown_cli.agents.definition import Agent
from nuketown_cli.agents.front_matter import parse
from nuketown_cli.agents.nix_library import Rendering, Request, Tool, render

# Front matter that is about other things than permissions.
_OTHER_KEYS = frozenset(
    {"name", "description", "mode", "model", "steps", "maxTurns", "skills"}
)  # fmt: skip
# Lists of Claude Code's settings, in the order in which they are looked through.
_ORDER = ("deny", "ask", "allow", "additionalDirectories")
_WRAPPERS = ("permission", "permissions")
_MOST = 8


@dataclass(frozen=True)
class Outlook:
    """What one tool makes of one permission.

    :param settings: what is rendered because of it, as the tool's own keys and values
    :param warnings: where that is stricter than what is written, or where nothing can be done
    """

    settings: dict[str, Any]
    warnings: list[str]


def outlooks(
    agent: Agent, roster: Path, *, headless: bool = False
) -> dict[str, dict[Tool, Outlook]]:
    """For each permission what each tool makes of it, as if it were the only one.

    :raises UnreachableError: what is needed to render is not here
    """
    name = agent.definition.name
    permissions = tuple(agent.definition.permissions.named)
    requests = [
        Request(tool, (name,), headless=headless, primary=name, permission=permission)
        for permission in permissions
        for tool in Tool
    ]
    answers = iter(render(roster, requests)) if requests else iter(())
    return {
        permission: {tool: _outlook(next(answers), name) for tool in Tool}
        for permission in permissions
    }


def _outlook(rendering: Rendering, name: str) -> Outlook:
    settings: dict[str, Any] = {}
    for path, text in sorted(rendering.files.items()):
        if path.endswith("settings.json"):
            settings |= json.loads(text)
        elif path.endswith(f"/{name}.md"):
            data = parse(text, path).data
            settings |= {key: value for key, value in data.items() if key not in _OTHER_KEYS}
    return Outlook(settings, [_without_name(warning) for warning in rendering.warnings])


def _without_name(warning: str) -> str:
    """The sentence alone: whose and of which tool is where it is shown."""
    parts = warning.split(": ", 2)
    return parts[2] if len(parts) == 3 else parts[-1]


def lines(settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings for people, one line each; of a long list the beginning.

    >>> list(lines({"permission": {"bash": {"*": "ask"}}, "tools": ["a", "b"]}))
    ['bash: *: ask', 'tools: a, b']
    """
    yield from _flat(settings, ())


def _flat(value: object, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key in sorted(value, key=_in_order) if set(value) <= set(_ORDER) else value:
            yield from _flat(value[key], path if key in _WRAPPERS else (*path, key))
    elif isinstance(value, list) and path[-1:] and path[-1] in _ORDER:
        for inner in value[:_MOST]:
            yield ": ".join([*path, str(inner)])
        if len(value) > _MOST:
            yield ": ".join([*path, f"… and {len(value) - _MOST} more"])
    elif isinstance(value, list):
        yield ": ".join([*path, ", ".join(map(str, value)) or "none"])
    else:
        yield ": ".join([*path, str(value)])


def _in_order(key: str) -> int:
    return _ORDER.index(key)
