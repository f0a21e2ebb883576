"""Writing definitions: agent.toml in one form, so that the same definition is the same file."""

from __future__ import annotations

from collections.abc import Iterable
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


def refuse_existing(agents: Iterable[Agent], roster: Path) -> None:
    """Before anything is written.

    :raises CommandError: one of them is there already
    """
    for agent in agents:
        for name in (TOML, PROMPT):
            path = roster / agent.definition.name / name
            if path.exists():
                raise CommandError(f"{path} is there already: --replace writes it anew.")


def write_agent(agent: Agent, roster: Path) -> Path:
    """Write one agent below a directory.

    :return: its directory
    :raises CommandError: it can't be written
    """
    directory = roster / agent.definition.name
    files = {
        directory / TOML: toml_of(agent.definition).encode(),
        directory / PROMPT: agent.prompt.encode(),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            new = path.with_name(f".{path.name}.new")
            new.write_bytes(content)
            new.replace(path)
    except OSError as exc:
        raise CommandError(f"{directory} can't be written: {exc.strerror}.") from exc
    return directory
