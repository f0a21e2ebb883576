"""Agents of OpenCode, of both formats: Markdown with front matter, or a value of a JSON file. Pure.

The first format (V1) has ``permission``, an object in which order counts; the second (V2)
``permissions``, an array of ``{action, resource, effect}``. A file with any key that V2 does not
know is V1. In both the last rule that matches decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from nuketown_cli.agents.definition import TOOLS, Action, Rule
from nuketown_cli.agents.errors import listed
from nuketown_cli.agents.front_matter import parse
from nuketown_cli.agents.imported import (
    Draft,
    Imported,
    draft,
    problem,
    skills_of,
    text_of,
    turns_of,
)  # fmt: skip
from nuketown_cli.agents.patterns import matches, only_deciding

V2_KEYS = frozenset(
    {
        "model", "variant", "request", "system", "description", "mode", "hidden", "color", "steps",
        "disabled", "permissions",
    }
)  # fmt: skip
_ACTIONS = tuple(action.value for action in Action)
_RENAMED = {
    "shell": "bash", "subagent": "task", "write": "edit", "patch": "edit", "apply_patch": "edit",
    "multiedit": "edit", "todoread": "todowrite",
}  # fmt: skip
_LEFT_OUT = {
    "variant": "it is chosen for each machine, as the model is",
    "temperature": "it is chosen for each machine, as the model is",
    "top_p": "it is chosen for each machine, as the model is",
    "request": "it is chosen for each machine, as the model is",
    "options": "it is chosen for each machine, as the model is",
    "color": "colours belong to the tool",
    "hidden": "what is shown where belongs to the tool",
    "disable": "an agent is switched off by leaving it out of the roster",
    "disabled": "an agent is switched off by leaving it out of the roster",
}


class _Setting(NamedTuple):
    """One rule as OpenCode has it: about a tool, a resource, and what happens."""

    tool: str
    pattern: str
    action: Action


def read_opencode(text: str, file: str, name: str | None = None) -> Imported:
    """Import one Markdown agent.

    :param name: OpenCode's name is the file's; this one instead
    :raises DefinitionError: it is none
    """
    document = parse(text, file)
    data = document.data
    from_path = file.replace("\\", "/").rpartition("/")[2].removesuffix(".md")
    return agent_of(data, file, name or data.get("name") or from_path, document.body)


def agent_of(
    data: Mapping[str, Any], file: str, name: object, prompt: str, *, role: bool = False
) -> Imported:
    """Import one agent's values, whichever format they have.

    :raises DefinitionError: they are none
    """
    begun = draft(file, name, role=role)
    begun.values["description"] = text_of(begun, "description", data.get("description"))
    _mode(begun, data)
    steps = data.get("steps", data.get("maxSteps"))
    if steps is not None:
        turns_of(begun, "steps", steps)
    if isinstance(data.get("skills"), list):
        skills_of(begun, [str(skill) for skill in data["skills"]])
    _permissions(begun, list(_settings(begun, data)))
    _note_the_rest(begun, data)
    return begun.finish(prompt)


def _mode(begun: Draft, data: Mapping[str, Any]) -> None:
    mode = data.get("mode", "all")
    if mode not in ("primary", "subagent", "all"):
        raise problem(begun.file, "mode", f"is {mode!r}: write primary, subagent or all.")
    begun.values["mode"] = mode


def _note_the_rest(begun: Draft, data: Mapping[str, Any]) -> None:
    handled = {
        "name", "description", "mode", "steps", "maxSteps", "prompt", "system", "permission",
        "permissions", "tools",
    }  # fmt: skip
    for key, value in data.items():
        if key == "model":
            begun.leave_out(
                key, value, f"models are chosen for each machine: modelOverrides.{begun.name}"
            )
        elif key not in handled and not (key == "skills" and isinstance(value, list)):
            begun.leave_out(key, value, _LEFT_OUT.get(key, "a definition has no such field"))


def _settings(begun: Draft, data: Mapping[str, Any]) -> Iterator[_Setting]:
    """All rules, in the order in which they count."""
    permission = data.get("permission")
    newer = data.get("permissions")
    for tool, enabled in _mapping(begun, "tools", data.get("tools")):
        if not isinstance(enabled, bool):
            raise problem(begun.file, f"tools.{tool}", "is neither true nor false.")
        if not isinstance(permission, Mapping) or tool not in permission:
            action = Action.ALLOW if enabled else Action.DENY
            yield from _about(begun, tool, "*", action)
    if isinstance(permission, str):
        yield from _about(begun, "*", "*", _action(begun, "permission", permission))
    else:
        for tool, value in _mapping(begun, "permission", permission):
            yield from _of_tool(begun, f"permission.{tool}", tool, value)
    if isinstance(newer, list):
        for at, rule in enumerate(newer, 1):
            yield from _newer(begun, f"permissions[{at}]", rule)
    elif newer is not None:
        # Neither format, but written so in the wild; OpenCode ignores it, and its author did not.
        begun.note("permissions is no list: read as if it were called permission.")
        for tool, value in _mapping(begun, "permissions", newer):
            yield from _of_tool(begun, f"permissions.{tool}", tool, value)


def _of_tool(begun: Draft, place: str, tool: str, value: object) -> Iterator[_Setting]:
    if isinstance(value, Mapping):
        for pattern, action in value.items():
            chosen = _action(begun, f"{place}.{pattern}", action)
            yield from _about(begun, tool, str(pattern), chosen)
    else:
        yield from _about(begun, tool, "*", _action(begun, place, value))


def _newer(begun: Draft, place: str, rule: object) -> Iterator[_Setting]:
    if not isinstance(rule, Mapping) or not {"action", "effect"} <= set(rule):
        raise problem(begun.file, place, "has not the keys action, resource and effect.")
    effect = _action(begun, f"{place}.effect", rule["effect"])
    yield from _about(begun, str(rule["action"]), str(rule.get("resource", "*")), effect)


def _about(begun: Draft, name: str, pattern: str, action: Action) -> Iterator[_Setting]:
    """One rule for every tool that its name, which may be a pattern, stands for."""
    name = _RENAMED.get(name, name)
    tools = [tool for tool in TOOLS if matches(name, tool)]
    if not tools:
        begun.note(
            f"permission {name} ({pattern}: {action}) is left out: there is no such tool here."
            f" Known are {listed(TOOLS)}."
        )
    for tool in tools:
        yield _Setting(tool, pattern, action)


def _permissions(begun: Draft, settings: list[_Setting]) -> None:
    for tool in TOOLS:
        own = [setting for setting in settings if setting.tool == tool]
        if own:
            _permission(begun, tool, own)


def _permission(begun: Draft, tool: str, settings: list[_Setting]) -> None:
    """The last rule about everything is the intent, and ends what was said before it."""
    everything = [at for at, s in enumerate(settings) if s.pattern and not s.pattern.strip("*")]
    if everything:
        intent, start = settings[everything[-1]].action, everything[-1] + 1
    else:
        # What holds then is in OpenCode's own configuration, which is not here to be read.
        intent, start = Action.ASK, 0
        begun.note(f"{tool} has no rule for *: the intent is ask; OpenCode's own default is laxer.")
    rules = [
        Rule(pattern, setting.action)
        for setting in settings[start:]
        for pattern in _patterns(begun, setting)
    ]
    needed = only_deciding(intent, rules)
    if len(needed) < len(rules):
        begun.note(f"{tool}: rules that never decide are left out: {_missing(rules, needed)}.")
    begun.permit(tool, intent, [str(rule) for rule in needed])


def _missing(rules: list[Rule], needed: list[Rule]) -> str:
    return listed(str(rule) for rule in dict.fromkeys(rules) if rule not in needed) or "repeated"


def _patterns(begun: Draft, setting: _Setting) -> list[str]:
    """OpenCode lets ``ls *`` match ``ls``, too; here ``ls *`` is what there is ``ls **``."""
    pattern = setting.pattern
    if "\n" in pattern or not pattern:
        begun.note(
            f"{setting.tool}: the pattern {pattern!r} is left out: it can't be written here."
        )
        return []
    if pattern.endswith(" **"):
        return [pattern.rstrip("*") + "*"]
    if pattern.endswith(" *") and pattern[:-2]:
        return [pattern[:-2], pattern]
    return [pattern]


def _action(begun: Draft, place: str, value: object) -> Action:
    if isinstance(value, str) and value in _ACTIONS:
        return Action(value)
    raise problem(begun.file, place, f"is {value!r}: write {listed(_ACTIONS, 'or')}.")


def _mapping(begun: Draft, place: str, value: object) -> Iterator[tuple[str, Any]]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise problem(begun.file, place, "is no table.")
    for key, item in value.items():
        yield str(key), item
