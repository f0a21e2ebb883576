"""Rendered files: chosen, printed, written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nuketown_cli.agents.errors import did_you_mean, listed
from nuketown_cli.agents.nix_library import Rendering
from nuketown_cli.agents.reading import agent_directories, read_agent
from nuketown_cli.errors import CommandError, UsageError


def roster_of(path: Path) -> tuple[Path, tuple[str, ...]]:
    """The roster's directory, and the names of the agents at a path, all of which are sound.

    :raises DefinitionError: there is none, or one of them is wrong
    """
    directories = [directory.absolute() for directory in agent_directories(path)]
    return directories[0].parent, tuple(read_agent(d).definition.name for d in directories)


def one_directory(path: Path) -> Path:
    """The directory of one agent, which may be named by its name alone.

    :raises DefinitionError: there is none
    :raises UsageError: there are several
    """
    for place in (path, Path("agents") / path):
        if place.exists():
            found = agent_directories(place)
            if len(found) > 1:
                names = listed(directory.name for directory in found)
                raise UsageError(f"{path} holds {names}: name one of them.")
            return found[0].absolute()
    known = [directory.name for directory in agent_directories(Path("agents"))]
    raise UsageError(f"there is no agent {path}: {did_you_mean(str(path), known)}")


def check_primary(primary: str | None, agents: Iterable[str]) -> None:
    """Whether there is such an agent.

    :raises UsageError: there is none
    """
    known = list(agents)
    if primary is not None and primary not in known:
        raise UsageError(
            f"--primary {primary}: there is no such agent: {did_you_mean(primary, known)}"
        )


def model_overrides(pairs: Iterable[str], agents: Iterable[str]) -> dict[str, str]:
    """``NAME=MODEL`` of the command line.

    :raises UsageError: it is none, or there is no such agent
    """
    known = list(agents)
    found = {}
    for pair in pairs:
        name, equals, model = pair.partition("=")
        if not (name and equals and model):
            raise UsageError(f"--model {pair}: write NAME=MODEL.")
        if name not in known:
            raise UsageError(
                f"--model {pair}: there is no agent {name}: {did_you_mean(name, known)}"
            )
        found[name] = model
    return found


def write_files(rendering: Rendering, project: Path, *, replace: bool) -> list[Path]:
    """Write all files below a project's directory, or none.

    :param replace: overwrite files that say something else
    :return: their paths
    :raises CommandError: one is there and says something else, or can't be written
    """
    files = {project / path: text.encode() for path, text in rendering.files.items()}
    try:
        if not replace:
            _refuse_others(files)
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.new")
            new.write_bytes(content)
            new.replace(path)
    except OSError as exc:
        where = exc.filename or project
        raise CommandError(f"{where} can't be written: {exc.strerror}.") from exc
    return sorted(files)


def _refuse_others(files: Mapping[Path, bytes]) -> None:
    for path, content in files.items():
        if path.exists() and path.read_bytes() != content:
            raise CommandError(f"{path} is there and says something else: --replace overwrites it.")
