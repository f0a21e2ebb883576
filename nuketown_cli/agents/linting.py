"""All that ``nuketown agents lint`` finds, in one list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nuketown_cli.agents.definition import Agent
from nuketown_cli.agents.errors import DefinitionError, Level, Problem
from nuketown_cli.agents.permission_checks import check_permissions
from nuketown_cli.agents.prompt_checks import LONG_DESCRIPTION, check_prompt
from nuketown_cli.agents.reading import PROMPT, TOML, agent_directories, read_agent, read_text
from nuketown_cli.agents.references import Surroundings, check_mentions, check_references
from nuketown_cli.agents.secrets import secrets_in
from nuketown_cli.safe_text import unseen_in


def lint(path: Path) -> tuple[int, list[Problem]]:
    """Check an agent's directory, or all below one.

    :return: how many agents were looked at, and what was found, in the order of the files
    :raises DefinitionError: there is no agent at the path
    """
    directories = agent_directories(path)
    found: list[Problem] = []
    for directory in directories:
        found += check_directory(directory, _surroundings(directory))
    return len(directories), found


def check_directory(directory: Path, around: Surroundings) -> Iterator[Problem]:
    """What is wrong with one agent."""
    yield from _secrets(directory)
    try:
        agent = read_agent(directory)
    except DefinitionError as exc:
        yield from exc.problems
        return
    yield from _toml(agent, directory / TOML, around)
    yield from _prompt(agent, directory / PROMPT, around)


def _toml(agent: Agent, path: Path, around: Surroundings) -> Iterator[Problem]:
    definition, file = agent.definition, str(path)
    if len(definition.description) > LONG_DESCRIPTION:
        yield Problem(
            Level.WARNING, file, "description",
            f"has {len(definition.description):,} characters: every model that delegates reads it.",
        )  # fmt: skip
    for place, text in (("description", definition.description), ("name", definition.shown_name)):
        shown = unseen_in(text.replace("\n", " ").replace("\t", " "))
        if shown is not None:
            yield Problem(Level.ERROR, file, place, f"has a character that is not seen ({shown}).")
    for place, text in check_references(definition, around):
        yield Problem(Level.ERROR, file, place, text)
    for place, text in check_permissions(definition):
        yield Problem(Level.WARNING, file, place, text)


def _prompt(agent: Agent, path: Path, around: Surroundings) -> Iterator[Problem]:
    file = str(path)
    for finding in check_prompt(agent.prompt):
        yield Problem(finding.level, file, _line(finding.line), finding.text)
    for line, text in check_mentions(agent, around):
        yield Problem(Level.ERROR, file, _line(line), text)


def _secrets(directory: Path) -> Iterator[Problem]:
    """Also where the rest can't be read: a secret is what most needs to be found."""
    for name in (TOML, PROMPT):
        path = directory / name
        try:
            text = read_text(path)
        except DefinitionError:
            continue
        for secret in secrets_in(text):
            yield Problem(
                Level.ERROR, str(path), _line(secret.line),
                f"looks like {secret.what}: everybody can read this file, so change the secret "
                "and take it out of the history.",
            )  # fmt: skip


def _surroundings(directory: Path) -> Surroundings:
    roster = directory.absolute().parent
    names = {child.parent.name for child in roster.glob(f"*/{TOML}")}
    return Surroundings(frozenset(names), roster.parent)


def _line(number: int) -> str:
    return f"line {number}" if number else ""
