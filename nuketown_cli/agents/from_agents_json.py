"""``agents.json``: agents of OpenCode by name, as in ``agent`` of opencode.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from nuketown_cli.agents.errors import DefinitionError
from nuketown_cli.agents.from_opencode import agent_of
from nuketown_cli.agents.imported import Imported, problem
from nuketown_cli.agents.reading import read_text

_FILE = re.compile(r"\s*\{file:(?P<path>[^{}]+)\}\s*")


def read_agents_json(text: str, path: Path) -> list[Imported]:
    """Import all agents of a file.

    :param path: prompts written as ``{file:./prompts/ada.txt}`` are looked for beside it, and in
        the directory above
    :raises DefinitionError: it can't be read, or one of them is none
    """
    file = str(path)
    found = [
        _agent(value, path, name)
        for name, value in _agents(text, file).items()
        if name != "$schema"
    ]
    names = [imported.agent.definition.name for imported in found]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice:
        raise problem(file, twice, "is the name of two agents: give one of them another.")
    return found


def _agents(text: str, file: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        where = f" at line {exc.lineno}" if isinstance(exc, json.JSONDecodeError) else ""
        raise problem(file, "", f"is not valid JSON{where}.") from exc
    for key in ("agent", "agents"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    if not isinstance(value, dict) or not value:
        raise problem(file, "", "has no agents: an object with a key for each is wanted.")
    return value


def _agent(value: object, path: Path, name: str) -> Imported:
    file = f"{path}: {name}"
    if not isinstance(value, dict):
        raise problem(str(path), name, "is no object.")
    prompt = value.get("prompt", value.get("system", ""))
    if not isinstance(prompt, str):
        raise problem(str(path), name, "has a prompt that is no text.")
    try:
        text = _prompt(prompt, path)
        text.encode()
        return agent_of(value, file, name, text, role=True)
    except UnicodeEncodeError as exc:
        raise problem(str(path), name, "has a prompt with half a character in it.") from exc


def _prompt(prompt: str, path: Path) -> str:
    match = _FILE.fullmatch(prompt)
    if match is None:
        return prompt
    named = Path(match["path"].strip())
    if named.is_absolute() or ".." in named.parts or named.parts[:1] == ("~",):
        raise problem(
            str(path), str(named), "is outside of this directory: put the prompt beside the file."
        )
    for directory in (path.absolute().parent, path.absolute().parent.parent):
        if (directory / named).is_file():
            return read_text(directory / named)
    raise DefinitionError(
        problem(str(path), str(named), "is not there, nor in the directory above.").problems
    )
