"""What pydantic says about a definition, as sentences a person can act upon. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

from nuketown_cli.agents.definition import FIELDS, TOOLS, Action, Permission
from nuketown_cli.agents.errors import did_you_mean, listed, nearest
from nuketown_cli.agents.slug import slug

_MODES = ("primary", "subagent", "all")
_ACTIONS = tuple(action.value for action in Action)
_PERMISSION_FIELDS = tuple(Permission.model_fields)
# What people look for here and what is elsewhere on purpose.
_ELSEWHERE = {
    "model": "models are chosen for each machine (modelOverrides): leave it out.",
    "prompt": "the prompt is the file system-prompt.md beside it.",
    "mcp": "MCP servers belong to the tool's own configuration.",
    "mcpServers": "MCP servers belong to the tool's own configuration.",
    "hooks": "hooks belong to the tool's own configuration.",
    "permission": "write [permissions.TOOL] with intent and rules.",
    "tools": "write [permissions.TOOL] with intent and rules.",
    "steps": "the turns of the model are max_turns.",
    "maxTurns": "the turns of the model are max_turns.",
}
_KINDS = {
    "string_type": "a text in quotes",
    "int_type": "a whole number without quotes",
    "tuple_type": "a list in brackets",
    "model_type": "a table",
}
_TOML_KINDS = {
    "bool": "true or false", "int": "a number", "float": "a number", "str": "a text",
    "list": "a list", "dict": "a table", "datetime": "a date", "date": "a date", "time": "a time",
}  # fmt: skip


def place_of(location: Sequence[int | str]) -> str:
    """Where in agent.toml, as TOML writes it; entries of lists are counted from 1.

    >>> place_of(("permissions", "bash", "rules", 2))
    'permissions.bash.rules[3]'
    """
    place = ""
    for part in location:
        place += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if place else part
    return place


def sentence(error: ErrorDetails) -> str:
    """What is wrong at this place, and what to write instead."""
    kind, location, value = error["type"], error["loc"], error["input"]
    last = str(location[-1])
    if kind == "extra_forbidden":
        return _unknown(location, last)
    if kind == "missing":
        return _missing(last)
    if kind in _KINDS:
        return _wrong_kind(kind, location, value)
    if kind in ("literal_error", "enum"):
        return _not_one_of(value, _MODES if kind == "literal_error" else _ACTIONS)
    if kind == "string_pattern_mismatch":
        return _wrong_form(location, str(value))
    return _of_bounds(error)


def _unknown(location: Sequence[int | str], name: str) -> str:
    if len(location) == 1:
        known, what = FIELDS, "field"
        if name in _ELSEWHERE:
            return f"there is no field {name}: {_ELSEWHERE[name]}"
    elif len(location) == 2:
        known, what = TOOLS, "tool"
    else:
        known, what = _PERMISSION_FIELDS, "field of a permission"
    return f"there is no {what} {name}: {did_you_mean(name, known)}"


def _missing(name: str) -> str:
    if name == "intent":
        return f"missing: say what happens where no rule matches ({listed(_ACTIONS, 'or')})."
    return f"missing: every definition has a {name}."


def _wrong_kind(kind: str, location: Sequence[int | str], value: object) -> str:
    found = _TOML_KINDS.get(type(value).__name__, type(value).__name__)
    if kind == "model_type" and len(location) == 2 and isinstance(value, str):
        return f"is a text: write [{place_of(location)}] with intent = {_quoted(value)}."
    return f"is {found}: write {_KINDS[kind]}."


def _not_one_of(value: object, known: Sequence[str]) -> str:
    near = nearest(value, known) if isinstance(value, str) else None
    hint = f" (did you mean {near}?)" if near else ""
    return f"is {_shown(value)}{hint}: write {listed(known, 'or')}."


def _wrong_form(location: Sequence[int | str], value: str) -> str:
    if location[0] == "permissions":
        return _wrong_rule(value)
    if location[0] in ("name", "skills"):
        better = slug(value)
        advice = f"write {better}" if better else "use the letters a to z, digits and hyphens"
        return f"is {_shown(value)}, which is not kebab-case: {advice}."
    if location[0] == "context":
        return f"is {_shown(value)}: write a path below the directory that holds the agents' one."
    return f"is {_shown(value)}: write a path without extension, for example languages/nix."


def _wrong_rule(value: str) -> str:
    pattern, colon, action = value.rpartition(":")
    if "\n" in value:
        return f"is {_shown(value)}: a rule is one line."
    if colon and not pattern:
        return f"is {_shown(value)}: the pattern before the colon is missing."
    near = nearest(action.strip(), _ACTIONS) if colon else None
    hint = f" (did you mean {near}?)" if near else ""
    return f"is {_shown(value)}{hint}: end it with :allow, :ask or :deny."


def _of_bounds(error: ErrorDetails) -> str:
    bounds: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "string_too_short":
            return "is empty: write something or leave it out."
        case "string_too_long":
            return f"is longer than {bounds['max_length']} characters: shorten it."
        case "greater_than_equal":
            return f"is {error['input']}: write 1 or more."
        case "less_than_equal":
            return "is larger than a number in TOML can be: write fewer or leave it out."
        case "value_error":
            return str(bounds["error"])
        case _:
            return f"{error['msg'][:1].lower()}{error['msg'][1:]}."


def _quoted(value: str) -> str:
    return f'"{value}"' if value in _ACTIONS else '"ask"'


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:76]}…{text[-1]}"
