"""The one implementation of rendering is the Nix library; here it is found and asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from nuketown_cli.errors import CommandError, UnreachableError

_TIMEOUT_S = 300.0
_HERE = Path(__file__).resolve()
_EVALUATE = _HERE.with_name("evaluate.nix")


class Tool(StrEnum):
    """What definitions are rendered for."""

    OPENCODE = "opencode"
    CLAUDE_CODE = "claude-code"
    PI = "pi"


@dataclass(frozen=True)
class Request:
    """One rendering.

    :param agents: names of those that are rendered
    :param model_overrides: models by agent
    :param headless: nobody is there to be asked
    :param primary: the one that becomes Pi's; None: the first that is a primary one
    :param permission: leave out all permissions but this one; None: none is left out
    """

    tool: Tool
    agents: tuple[str, ...]
    model_overrides: Mapping[str, str] = field(default_factory=dict)
    headless: bool = False
    primary: str | None = None
    permission: str | None = None

    def to_json(self) -> dict[str, object]:
        """As evaluate.nix takes it."""
        value = asdict(self)
        return {**value, "modelOverrides": value.pop("model_overrides")}


@dataclass(frozen=True)
class Rendering:
    """What a tool gets.

    :param files: texts by their path below a project
    :param warnings: what is rendered stricter than it is written, and what is lost
    """

    files: dict[str, str]
    warnings: list[str]


def render(roster: Path, requests: Sequence[Request]) -> list[Rendering]:
    """Ask the library for several renderings at once.

    :param roster: the directory that holds the agents' directories
    :raises UnreachableError: Nix, nixpkgs or the library is not here; the message says what to do
    :raises CommandError: the library refuses the definitions
    """
    program = _program()
    arguments = {
        "library": library(),
        "nixLib": _nixpkgs_lib(program),
        "roster": roster.absolute(),
        "requests": json.dumps([request.to_json() for request in requests]),
    }
    words = [word for name, value in arguments.items() for word in ("--argstr", name, str(value))]
    answer = _run([program, "--eval", "--strict", "--json", str(_EVALUATE), *words])
    if answer.returncode != 0:
        raise CommandError(f"Nix can't render this: {_reason(answer.stderr)}")
    return [Rendering(value["files"], value["warnings"]) for value in json.loads(answer.stdout)]


def library() -> Path:
    """The directory of the Nix library.

    :raises UnreachableError: it is nowhere
    """
    candidates = list(_candidates())
    for candidate in candidates:
        if (candidate / "agents.nix").is_file():
            return candidate
    raise UnreachableError(
        "the Nix library that renders definitions is not here (looked in "
        f"{', '.join(map(str, candidates))}): set NUKETOWN_NIX_LIB to nixos-modules/lib of a "
        "checkout of nuketown."
    )


def _candidates() -> Iterator[Path]:
    named = os.environ.get("NUKETOWN_NIX_LIB")
    if named:
        yield Path(named).absolute()
        return
    root = _HERE.parents[2]  # a checkout, or the directory of an installation's packages
    yield root / "nixos-modules" / "lib"
    for prefix in dict.fromkeys((*root.parents[2:3], Path(sys.prefix))):
        yield prefix / "share" / "nuketown" / "nixos-modules" / "lib"


def _program() -> str:
    program = shutil.which("nix-instantiate")
    if program is None:
        raise UnreachableError(
            "rendering is done by Nix, which is not installed (no nix-instantiate in PATH): see "
            "nixos.org/download."
        )
    return program


def _nixpkgs_lib(program: str) -> Path:
    """The library of the nixpkgs in NIX_PATH."""
    found = _run([program, "--find-file", "nixpkgs"])
    path = Path(os.fsdecode(found.stdout.strip())) / "lib"
    if found.returncode != 0 or not path.is_dir():
        raise UnreachableError(
            "Nix is here, but no nixpkgs: set NIX_PATH, for example to nixpkgs=flake:nixpkgs."
        )
    return path


def _run(argv: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise CommandError(f"Nix did not answer within {_TIMEOUT_S:.0f} seconds.") from exc
    except OSError as exc:
        raise UnreachableError(f"{argv[0]} can't be run: {exc.strerror}.") from exc


def _reason(stderr: bytes) -> str:
    """The last thing that Nix calls an error; before it stands where it was evaluating."""
    text = stderr.decode(errors="replace")
    last = text.rpartition("error:")[2].strip()
    return last.splitlines()[0].strip() if last else "it gave no reason."
