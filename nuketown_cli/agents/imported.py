"""What an import brings: agents, and what of the source has no place in a definition. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from nuketown_cli.agents.definition import KEBAB, Action, Agent
from nuketown_cli.agents.errors import DefinitionError, Level, Problem
from nuketown_cli.agents.reading import check_definition
from nuketown_cli.agents.slug import name_and_role, slug


@dataclass
class Imported:
    """One agent as it was read."""

    agent: Agent
    left_out: list[str] = field(default_factory=list)
    """A sentence for each thing that was lost, was changed, or was made stricter."""


@dataclass
class Draft:
    """A definition in the making.

    :param file: how problems name the source
    """

    file: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    permissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say that something was left out or changed."""
        if text not in self.left_out:
            self.left_out.append(text)

    def leave_out(self, key: str, value: object, why: str) -> None:
        """Say that a field was left out."""
        self.note(f"{key} ({_short(value)}) is left out: {why}.")

    def permit(self, tool: str, intent: Action, rules: list[str] | None = None) -> None:
        """Set what may be done with a tool."""
        self.permissions[tool] = {"intent": intent.value, **({"rules": rules} if rules else {})}

    def finish(self, prompt: str) -> Imported:
        """Check it.

        :raises DefinitionError: the values make no definition
        """
        values = {"name": self.name, **self.values}
        if self.permissions:
            values["permissions"] = self.permissions
        return Imported(Agent(check_definition(values, self.file), prompt), self.left_out)


def draft(file: str, name: object, *, role: bool = False) -> Draft:
    """Begin with a name, which may be one for people.

    :param role: words in parentheses at the end are a role and no part of the name
    :raises DefinitionError: there is none, or nothing in it can be written in kebab-case
    """
    if not isinstance(name, str) or not name.strip():
        raise problem(file, "name", "is missing: name the agent with --name.")
    short = name_and_role(name) if role else slug(name)
    if not short:
        raise problem(file, "name", f"{name!r} has no Latin letter: name the agent with --name.")
    begun = Draft(file, short)
    if short != name:
        begun.values["display_name"] = name
    return begun


def text_of(begun: Draft, key: str, value: object) -> str:
    """A field that must be text.

    :raises DefinitionError: it is none
    """
    if not isinstance(value, str) or not value.strip():
        raise problem(begun.file, key, "is missing: say what the agent is for.")
    return value


def turns_of(begun: Draft, key: str, value: object) -> None:
    """Take over the number of turns, where it is one."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 6:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**63:
        begun.values["max_turns"] = value
    else:
        begun.leave_out(key, value, "it is no number of turns")


def skills_of(begun: Draft, names: list[str]) -> None:
    """Take over the skills whose names can stand in a definition."""
    kept = [name for name in dict.fromkeys(names) if re.fullmatch(KEBAB, name) and len(name) <= 64]
    for name in names:
        if name not in kept:
            begun.leave_out("skills", name, "it is no name in kebab-case")
    if kept:
        begun.values["skills"] = kept


def problem(file: str, place: str, text: str) -> DefinitionError:
    """One problem with a source."""
    return DefinitionError([Problem(Level.ERROR, file, place, text)])


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"
