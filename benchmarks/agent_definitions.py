"""Definitions of agents in Nix: loading and rendering them, beside reading the same TOML."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, compared
from benchmarks.process import MIB, ROOT
from nuketown_daemon.errors import NuketownError

_DEFINITIONS = ROOT / "tests/nix/agents/definitions"
_KINDS = ("apollo", "athena", "calliope", "chiron", "chiron-forge", "hermes")
_COUNTS = {6: 7, 60: 5, 600: 3}
"""How many agents, and how many pairs are measured."""
_TIMEOUT_S = 120.0

_RENDERED = """
  let
    lib = import <nixpkgs/lib>;
    agents = import LIBRARY {inherit lib;};
    canonical = agents.loadAgents DIRECTORY;
    files = tool: (agents.rendering {inherit canonical tool;}).files;
  in
    map (tool: builtins.hashString "sha256" (builtins.toJSON (files tool)))
    ["opencode" "claude-code" "pi"]
"""
_READ = """
  let
    lib = import <nixpkgs/lib>;
    read = name: builtins.fromTOML (builtins.readFile (DIRECTORY + "/${name}/agent.toml"));
  in
    builtins.hashString "sha256" (builtins.toJSON
      (lib.genAttrs (builtins.attrNames (builtins.readDir DIRECTORY)) read))
"""


@dataclass(frozen=True)
class _Cost:
    cpu_s: float
    memory_mib: float


async def agent_definitions() -> list[Figure]:
    """Processor time and allocated memory of an evaluation; nothing where there is no Nix."""
    if reason := _unusable():
        sys.stderr.write(f"bench: agent-definitions is not measured: {reason}\n")
        return []
    figures: list[Figure] = []
    for count, pairs in _COUNTS.items():
        with tempfile.TemporaryDirectory(prefix="nuketown-bench-") as directory:
            _write(Path(directory), count)
            rendered, read = [], []
            for _ in range(pairs):
                read.append(await _evaluate(_READ, directory))
                rendered.append(await _evaluate(_RENDERED, directory))
        figures += _figures(count, rendered, read)
    return figures


def _unusable() -> str | None:
    if shutil.which("nix-instantiate") is None:
        return "no nix-instantiate"
    found = subprocess.run(
        ["nix-instantiate", "--find-file", "nixpkgs"], capture_output=True, check=False
    )
    return None if found.returncode == 0 else "no <nixpkgs>"


def _figures(count: int, rendered: Sequence[_Cost], read: Sequence[_Cost]) -> list[Figure]:
    beside = "builtins.fromTOML over the same files"
    return [
        compared(
            f"agent-definitions/time-{count}", "s",
            [cost.cpu_s for cost in rendered], [cost.cpu_s for cost in read],
            target=None, compared_with=beside,
        ),
        compared(
            f"agent-definitions/memory-{count}", "MiB",
            [cost.memory_mib for cost in rendered], [cost.memory_mib for cost in read],
            target=None, compared_with=beside,
        ),
    ]  # fmt: skip


def _write(directory: Path, count: int) -> None:
    """As many definitions, of six kinds."""
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        name = f"{kind}-{number}"
        (directory / name).mkdir()
        text = (_DEFINITIONS / kind / "agent.toml").read_text()
        renamed = text.replace(f'name = "{kind}"', f'name = "{name}"', 1)
        (directory / name / "agent.toml").write_text(renamed)
        shutil.copy(_DEFINITIONS / kind / "system-prompt.md", directory / name)


async def _evaluate(expression: str, directory: str) -> _Cost:
    library = str(ROOT / "nixos-modules/lib/agents.nix")
    text = expression.replace("LIBRARY", f"(/. + {json.dumps(library)})")
    text = text.replace("DIRECTORY", f"(/. + {json.dumps(directory)})")
    statistics = Path(directory) / "statistics.json"
    process = await asyncio.create_subprocess_exec(
        "nix-instantiate", "--eval", "--strict", "--expr", text,
        env=os.environ | {"NIX_SHOW_STATS": "1", "NIX_SHOW_STATS_PATH": str(statistics)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(_TIMEOUT_S):
        _, errors = await process.communicate()
    if process.returncode != 0:
        last = errors.decode().strip().splitlines()[-1:]
        raise NuketownError(f"agent-definitions could not be measured: nix says {' '.join(last)}")
    told = json.loads(statistics.read_text())
    statistics.unlink()
    return _Cost(cpu_s=float(told["cpuTime"]), memory_mib=float(told["gc"]["totalBytes"]) / MIB)
