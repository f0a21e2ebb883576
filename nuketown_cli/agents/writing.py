"""Writing definitions: agent.toml in one form, so that the same definition is the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from nuketown_cli.agents.definition import Agent, Definition
from nuketown_cli.agents.reading import PROMPT, TOML
from nuketown_cli.errors import CommandError


def toml_of(definition: Definition) -> str:
    """The text of agent.toml; what is as by default is not written, but for the mode."""
    values: dict[str, Any] = definition.model_dump(mode="json", exclude_defaults=True)
    ordered = {"name": values.pop("name")}
    for key in ("display_name", "description"):
        if key in values:
            ordered[key] = values.pop(key)
    ordered["mode"] = values.pop("mode", definition.mode)
    # Line ends of Windows would be lost in a text over several lines.
    readable = "\r" not in definition.description + (definition.display_name or "")
    return tomli_w.dumps({**ordered, **values}, multiline_strings=readable)


def write_agent(agent: Agent, roster: Path, *, replace: bool = False) -> Path:
    """Write one agent below a directory.

    :param replace: overwrite one that is there
    :return: its directory
    :raises CommandError: it is there, or can't be written
    """
    directory = roster / agent.definition.name
    files = {
        directory / TOML: toml_of(agent.definition).encode(),
        directory / PROMPT: agent.prompt.encode(),
    }
    present = [path for path in files if path.exists()]
    if present and not replace:
        raise CommandError(f"{present[0]} is there already: --replace writes it anew.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            new = path.with_name(f".{path.name}.new")
            new.write_bytes(content)
            new.replace(path)
    except OSError as exc:
        raise CommandError(f"{directory} can't be written: {exc.strerror}.") from exc
    return directory
