"""Reading definitions from their directories."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from nuketown_cli.agents.complaints import place_of, sentence
from nuketown_cli.agents.definition import Agent, Definition
from nuketown_cli.agents.errors import DefinitionError, Level, Problem

TOML = "agent.toml"
PROMPT = "system-prompt.md"
LARGEST = 1 << 20  # bytes; a definition that is larger is something else


def parse_definition(text: str, file: str) -> Definition:
    """Read agent.toml's text.

    :param file: how problems name it
    :raises DefinitionError: it is no TOML, or no definition
    """
    try:
        value = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _one_problem(file, f"is not valid TOML: {_toml_reason(exc)}.") from exc
    return check_definition(value, file)


def check_definition(value: object, file: str) -> Definition:
    """Make a definition of plain values.

    :raises DefinitionError: they are none
    """
    try:
        return Definition.model_validate(value)
    except ValidationError as exc:
        raise DefinitionError(
            Problem(Level.ERROR, file, place_of(error["loc"]), sentence(error))
            for error in exc.errors()
        ) from exc


def read_agent(directory: Path) -> Agent:
    """Read one agent's directory.

    :raises DefinitionError: something is missing, unreadable or wrong
    """
    path = directory / TOML
    definition = parse_definition(read_text(path), str(path))
    if directory.absolute().name != definition.name:
        raise DefinitionError(
            [
                Problem(
                    Level.ERROR, str(path), "name",
                    f"is {definition.name!r}, but the directory is called "
                    f"{directory.absolute().name}: give both one name.",
                )
            ]
        )  # fmt: skip
    return Agent(definition, read_text(directory / PROMPT))


def read_text(path: Path) -> str:
    """The text of a file, with its line ends as they are.

    :raises DefinitionError: it can't be read, is too large, or is not UTF-8
    """
    try:
        if path.stat().st_size > LARGEST:
            raise _one_problem(str(path), f"is larger than {LARGEST >> 20} MiB: is it the file?")
        return path.read_bytes().decode()
    except FileNotFoundError as exc:
        raise _one_problem(str(path), "is not there: every agent has one.") from exc
    except OSError as exc:
        raise _one_problem(str(path), f"can't be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise _one_problem(str(path), f"is not UTF-8 at byte {exc.start}: convert it.") from exc


def agent_directories(path: Path) -> list[Path]:
    """The agents at a path: the path itself, or the directories below it that have agent.toml.

    :raises DefinitionError: there is none
    """
    if (path / TOML).is_file():
        return [path]
    if path.name == TOML and path.is_file():
        return [path.parent]
    try:
        found = sorted(child.parent for child in path.glob(f"*/{TOML}"))
    except OSError as exc:
        raise _one_problem(str(path), f"can't be read: {exc.strerror}.") from exc
    if not found:
        raise _one_problem(
            str(path), "holds no definition: name an agent's directory, or one that holds some."
        )
    return found


def _one_problem(file: str, text: str) -> DefinitionError:
    return DefinitionError([Problem(Level.ERROR, file, "", text)])


def _toml_reason(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "it is nested too deeply"
    if not isinstance(exc, tomllib.TOMLDecodeError):
        return "it holds a number that is too large"
    return str(exc).strip().rstrip(".")
