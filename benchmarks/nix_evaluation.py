"""What agents add to the evaluation of a NixOS machine, beside as many plain accounts.

Both sides go to the derivation of the whole system, with home-manager and as many files in each
home. Time is the evaluator's own CPU time, memory what its heap grew to: what a busy machine does
to the wall clock is in neither.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, compared
from nuketown_daemon.errors import NuketownError

TARGET = 2.0
PAIRS = {1: 3, 10: 2, 50: 1, 100: 1}
"""How often, by number of agents: the large ones take a minute, and vary little."""
_EXPRESSION = Path(__file__).with_name("nix_evaluation.nix")
_LIMIT_S = 900.0


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation took."""

    cpu_s: float
    heap_mib: float


async def nix_evaluation() -> list[Figure]:
    """Time and memory of 1 to 100 agents, and how they grow; nothing where there is no Nix."""
    if reason := await _unusable():
        sys.stderr.write(f"bench: nix-evaluation is not measured: {reason}\n")
        return []
    files = await _files("agents") - await _files("bare")
    figures, of_agents = [], {}
    for count, pairs in PAIRS.items():
        values, baselines = [], []
        for _ in range(pairs):
            values.append(await _evaluate(count, "agents"))
            baselines.append(await _evaluate(count, "bare", files))
        of_agents[count] = values
        figures += _figures(count, values, baselines)
    return [*figures, _growth(of_agents)]


def _figures(count: int, values: list[Evaluation], baselines: list[Evaluation]) -> list[Figure]:
    beside = f"{count} plain accounts with home-manager and as many files"
    agents = "1-agent" if count == 1 else f"{count}-agents"
    return [
        compared(
            f"nix-evaluation/{agents}/time", "s",
            [value.cpu_s for value in values], [value.cpu_s for value in baselines],
            target=TARGET, compared_with=beside,
        ),
        compared(
            f"nix-evaluation/{agents}/memory", "MiB",
            [value.heap_mib for value in values], [value.heap_mib for value in baselines],
            target=TARGET, compared_with=beside,
        ),
    ]  # fmt: skip


def _growth(of_agents: dict[int, list[Evaluation]]) -> Figure:
    """CPU time of one more agent among many, beside one more among few: 1 is linear."""
    few, some, many = sorted(of_agents)[-3:]
    took = {
        count: statistics.median(value.cpu_s for value in values)
        for count, values in of_agents.items()
    }
    return compared(
        "nix-evaluation/growth", "s",
        [(took[many] - took[some]) / (many - some)], [(took[some] - took[few]) / (some - few)],
        target=1.5, compared_with=f"one more agent, {some} to {many} beside {few} to {some}",
    )  # fmt: skip


async def _unusable() -> str | None:
    if shutil.which("nix-instantiate") is None:
        return "no nix-instantiate"
    for tree in ("nixpkgs", "home-manager"):
        found = await asyncio.create_subprocess_exec(
            "nix-instantiate", "--find-file", tree,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        if await found.wait() != 0:
            return f"no <{tree}> in NIX_PATH"
    return None


async def _files(kind: str) -> int:
    answer, _ = await _nix(1, kind, 0, "files")
    return int(answer)


async def _evaluate(count: int, kind: str, files: int = 0) -> Evaluation:
    _, statistic = await _nix(count, kind, files, "drvPath")
    return Evaluation(cpu_s=statistic["cpuTime"], heap_mib=statistic["gc"]["heapSize"] / 2**20)


async def _nix(count: int, kind: str, files: int, attribute: str) -> tuple[Any, dict[str, Any]]:
    """The attribute's value, and the evaluator's statistics.

    :raises NuketownError: the machine does not evaluate

    https://nix.dev/manual/nix/latest/command-ref/env-common: NIX_SHOW_STATS, NIX_SHOW_STATS_PATH.
    """
    with tempfile.TemporaryDirectory(prefix="nt-") as directory:
        path = Path(directory) / "statistics.json"
        process = await asyncio.create_subprocess_exec(
            "nix-instantiate", "--eval", "--strict", "--json", str(_EXPRESSION),
            "--arg", "count", str(count), "--argstr", "kind", kind, "--arg", "files", str(files),
            "--attr", attribute,
            env=os.environ | {"NIX_SHOW_STATS": "1", "NIX_SHOW_STATS_PATH": str(path)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_LIMIT_S):
                output, errors = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            last = errors.decode(errors="replace").strip().splitlines()[-1:]
            raise NuketownError(f"{count} {kind} do not evaluate: {' '.join(last)}")
        return json.loads(output), json.loads(path.read_text())
