"""Sub-agents of Claude Code: ``.claude/agents/*.md``. Pure.

The fields: https://code.claude.com/docs/en/sub-agents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from nuketown_cli.agents.definition import TOOLS, Action
from nuketown_cli.agents.errors import listed
from nuketown_cli.agents.front_matter import parse
from nuketown_cli.agents.imported import Draft, Imported, draft, skills_of, text_of, turns_of

# Claude Code's names, the second and later ones of a tool old or partial.
NAMES = {
    "Bash": "bash", "Read": "read", "Edit": "edit", "Write": "edit", "MultiEdit": "edit",
    "NotebookEdit": "edit", "Glob": "glob", "Grep": "grep", "LS": "list", "WebFetch": "webfetch",
    "WebSearch": "websearch", "Agent": "task", "Task": "task", "Skill": "skill",
    "AskUserQuestion": "question", "TodoWrite": "todowrite", "TaskCreate": "todowrite",
    "TaskUpdate": "todowrite", "LSP": "lsp",
}  # fmt: skip
_PART_OF_BASH = ("BashOutput", "KillShell", "KillBash", "TaskOutput", "TaskStop")
_WHOLE_EDIT = ("Edit", "Write", "NotebookEdit")
# Not tools of Claude Code, so a list of its tools says nothing of them.
_ELSEWHERE = ("external_directory", "doom_loop", "list")
_ASKED = ("bash", "edit", "webfetch", "websearch")
_ITEM = re.compile(r"(?P<name>[A-Za-z_][\w*-]*(?:__[\w*-]+)*)(?:\((?P<subject>.*)\))?")
_LEFT_OUT = {
    "color": "colours belong to the tool",
    "effort": "it is chosen for each machine, as the model is",
    "mcpServers": "MCP servers belong to the tool's own configuration",
    "hooks": "hooks belong to the tool's own configuration",
    "memory": "memory belongs to the tool",
    "background": "how it is started belongs to the tool",
    "isolation": "how it is started belongs to the tool",
    "initialPrompt": "a definition has one prompt, system-prompt.md",
}


class _Item(NamedTuple):
    name: str
    subject: str | None


def read_claude_code(text: str, file: str, name: str | None = None) -> Imported:
    """Import one sub-agent.

    :param name: instead of the one in the front matter
    :raises DefinitionError: it is none
    """
    document = parse(text, file)
    data = document.data
    begun = draft(file, name or data.get("name"))
    description = text_of(begun, "description", data.get("description"))
    # As Claude Code reads it, which writes line ends like this.
    begun.values["description"] = description.replace("\\n", "\n")
    begun.values["mode"] = "subagent"
    _permissions(begun, data)
    if "maxTurns" in data:
        turns_of(begun, "maxTurns", data["maxTurns"])
    if "skills" in data:
        skills_of(begun, [item.name for item in _items(data["skills"])])
    _note_the_rest(begun, data)
    return begun.finish(document.body)


def _note_the_rest(begun: Draft, data: Mapping[str, Any]) -> None:
    handled = {
        "name", "description", "tools", "disallowedTools", "permissionMode", "maxTurns", "skills",
    }  # fmt: skip
    for key, value in data.items():
        if key == "model":
            if value != "inherit":
                begun.leave_out(
                    key, value,
                    f"models are chosen for each machine: modelOverrides.{begun.name}",
                )  # fmt: skip
        elif key not in handled:
            begun.leave_out(key, value, _LEFT_OUT.get(key, "a definition has no such field"))


def _permissions(begun: Draft, data: Mapping[str, Any]) -> None:
    """A file says which tools are there; whether a person is asked is said elsewhere."""
    _mode(begun, data.get("permissionMode", "default"))
    allowed = _items(data["tools"]) if "tools" in data else None
    if allowed is not None and not any(item.name == "*" for item in allowed):
        _allow_only(begun, allowed)
    _deny(begun, _items(data.get("disallowedTools")))


def _mode(begun: Draft, mode: object) -> None:
    """Stricter modes become permissions; laxer ones are for whoever starts the agent to give."""
    denied: tuple[str, ...] = ()
    if mode == "dontAsk":
        denied = (*_ASKED, "external_directory")
        begun.note("permissionMode (dontAsk) is read as: what Claude Code asks about is denied.")
    elif mode == "plan":
        denied = ("edit",)
        begun.note("permissionMode (plan) is read as: nothing is edited.")
    elif mode != "default":
        begun.leave_out("permissionMode", mode, "a definition gives no leave not to ask")
    for tool in denied:
        begun.permit(tool, Action.DENY)


def _allow_only(begun: Draft, allowed: list[_Item]) -> None:
    subjects: dict[str, list[str] | None] = {}
    for item in allowed:
        tool = _tool_of(begun, item.name)
        if tool is None:
            continue
        so_far = subjects.get(tool, [])
        whole = item.subject is None or so_far is None
        subjects[tool] = None if whole else [*(so_far or []), *_subjects(tool, item.subject or "")]
    for tool in TOOLS:
        if tool not in subjects and tool not in _ELSEWHERE:
            begun.permit(tool, Action.DENY)
        elif (some := subjects.get(tool)) is not None and tool not in begun.permissions:
            action = Action.ASK if tool in _ASKED else Action.ALLOW
            begun.permit(tool, Action.DENY, [f"{one}:{action}" for one in dict.fromkeys(some)])
    _note_what_is_asked(begun, subjects)
    present = {item.name for item in allowed}
    if "edit" in subjects and not present.issuperset({"Edit", "Write"}):
        begun.note(
            f"edit is creating and changing files here; the source has "
            f"{listed(sorted(present & set(_WHOLE_EDIT)))} alone."
        )


def _note_what_is_asked(begun: Draft, subjects: Mapping[str, list[str] | None]) -> None:
    asked = [tool for tool in _ASKED if tool in subjects and tool not in begun.permissions]
    if asked:
        begun.note(
            f"Claude Code itself asks before {listed(asked)}; where other tools should ask, too, "
            'write intent = "ask".'
        )


def _deny(begun: Draft, denied: list[_Item]) -> None:
    for item in denied:
        tool = _tool_of(begun, item.name)
        if tool is None:
            continue
        if item.subject is None:
            if tool == "edit" and not {i.name for i in denied}.issuperset({"Edit", "Write"}):
                begun.note(f"{item.name} alone is denied in the source; here edit as a whole is.")
            begun.permit(tool, Action.DENY)
            continue
        default = Action.ASK if tool in _ASKED else Action.ALLOW
        so_far = begun.permissions.get(tool, {"intent": default.value})
        rules = [f"{subject}:deny" for subject in _subjects(tool, item.subject)]
        begun.permit(tool, Action(so_far["intent"]), [*so_far.get("rules", []), *rules])


def _tool_of(begun: Draft, name: str) -> str | None:
    if name in NAMES:
        return NAMES[name]
    if name in _PART_OF_BASH:
        begun.note(f"{name} is left out: it is a part of bash.")
    else:
        begun.note(f"the tool {name} is left out: permissions know {listed(TOOLS)}.")
    return None


def _subjects(tool: str, text: str) -> list[str]:
    """Patterns with our meaning: Claude's ``git push:*`` and ``git push *`` need no argument."""
    text = text.strip()
    if tool == "task":
        return [part.strip() for part in text.split(",") if part.strip()]
    if tool == "webfetch" and text.startswith("domain:"):
        domain = text.removeprefix("domain:")
        return [f"https://{domain}", f"https://{domain}/*"]
    if tool == "bash":
        for end in (":*", " *"):
            if text.endswith(end) and "*" not in text[: -len(end)]:
                return [text.removesuffix(end), text.removesuffix(end) + " *"]
    return [text] if text else []


def _items(value: object) -> list[_Item]:
    """Entries of a list, or of a text with commas between them (not those in parentheses)."""
    if isinstance(value, str):
        parts = re.findall(r"[^\s,()]+(?:\([^()]*\))?", value)
    elif isinstance(value, list):
        parts = [str(part).strip() for part in value]
    else:
        parts = []
    found = []
    for part in parts:
        match = _ITEM.fullmatch(part)
        found.append(_Item(match["name"], match["subject"]) if match else _Item(part, None))
    return found
