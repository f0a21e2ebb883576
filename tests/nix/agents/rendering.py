"""Definitions, and what the Nix library makes of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from ruamel.yaml import YAML

from tests.nix_fixture import Nix

ROOT = Path(__file__).parents[3]
DEFINITIONS = Path(__file__).parent / "definitions"
SIX = ("apollo", "athena", "calliope", "chiron", "chiron-forge", "hermes")
LIBRARY = (
    "lib = import <nixpkgs/lib>; agents = import ../../nixos-modules/lib/agents.nix {inherit lib;};"
)


def render(nix: Nix, tool: str, canonical: str, **options: Any) -> dict[str, Any]:
    """The files and warnings for a tool; ``canonical`` is a Nix expression."""
    given: dict[str, Any] = nix.eval(
        f"{{options}}: let {LIBRARY} in"
        f" agents.rendering (options // {{tool = {_text(tool)}; canonical = {canonical};}})",
        options=options,
    )
    return given


def loaded(directory: Path) -> str:
    """The Nix expression that loads a directory of definitions."""
    return f"(agents.loadAgents (/. + {_text(str(directory))}))"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return f'"{escaped}"'


def definition(name: str, directory: Path = DEFINITIONS) -> dict[str, Any]:
    return tomllib.loads((directory / name / "agent.toml").read_text())


def prompt(name: str, directory: Path = DEFINITIONS) -> str:
    return (directory / name / "system-prompt.md").read_bytes().decode()


def parted(file: str) -> tuple[dict[str, Any], str]:
    """Front matter, read by a YAML parser, and the body as it is."""
    head, separator, body = file.removeprefix("---\n").partition("\n---\n")
    assert file.startswith("---\n")
    assert separator
    fields = YAML(typ="safe", pure=True).load(head)
    assert isinstance(fields, dict)
    return fields, body


def written(definitions: Mapping[str, Mapping[str, Any]], directory: Path) -> Path:
    """Write definitions; a field ``prompt`` is the text of system-prompt.md."""
    for name, fields in definitions.items():
        (directory / name).mkdir(parents=True)
        told = dict(fields)
        (directory / name / "system-prompt.md").write_bytes(
            str(told.pop("prompt", f"You are {name}.\n")).encode()
        )
        (directory / name / "agent.toml").write_text(
            tomli_w.dumps({"name": name, "description": f"About {name}.", **told})
        )
    return directory
