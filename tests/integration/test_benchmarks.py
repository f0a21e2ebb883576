"""The benchmarks' command line and what they report; no figure is asserted here."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.figure import Figure, alone, compared

ROOT = Path(__file__).parents[2]
KEYS = {
    "name", "unit", "value", "baseline", "ratio", "target", "spread", "runs", "compared_with",
    "better", "met",
}  # fmt: skip


async def bench(*arguments: str, path: str | None = None) -> tuple[int, str, str]:
    environment = os.environ if path is None else os.environ | {"PATH": path}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks", *arguments, cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.slow
async def test_a_figure_is_one_json_object_on_a_line() -> None:
    status, output, errors = await bench("ready-time", "--json")
    assert status == 0, errors
    (line,) = output.splitlines()
    figure = json.loads(line)
    assert figure.keys() == KEYS
    assert figure["name"] == "ready-time"
    assert figure["value"] > 0
    assert figure["baseline"] > 0
    low, high = figure["spread"]
    assert low <= figure["ratio"] <= high
    assert figure["target"] == 1.8


async def test_a_figure_that_can_not_be_measured_is_named_with_the_reason(tmp_path: Path) -> None:
    status, output, errors = await bench("dm-to-session", "--json", path=str(tmp_path))
    assert status == 1
    assert not output
    (line,) = errors.splitlines()
    assert line.startswith("bench: dm-to-session could not be measured: ")
    assert "git" in line


async def test_an_unknown_figure_is_refused_with_the_known_ones() -> None:
    status, output, errors = await bench("speed")
    assert status == 2
    assert not output
    for name in ("idle-memory", "fifty-daemons", "ready-time", "dm-to-session", "thousand-tasks"):
        assert name in errors


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    # Slow for a while: both of the second pair. The medians of each side alone would say 1.
    figure = compared("x", "ms", [20, 200, 10], [10, 100, 20], target=1.5, compared_with="y")
    assert figure.ratio == 2.0
    assert figure.spread == (0.5, 2.0)
    assert figure.met is False


@pytest.mark.parametrize(
    ("better", "target", "met"),
    [("lower", 2.0, True), ("lower", 1.9, False), ("higher", 2.0, True), ("higher", 2.1, False)],
)
def test_a_target_is_a_limit_on_the_ratio(better, target, met) -> None:
    figure = compared("x", "", [2.0], [1.0], target=target, compared_with="y", better=better)
    assert figure.met is met


def test_without_a_baseline_the_target_is_a_limit_on_the_value() -> None:
    assert alone("calls", "", [0.0], target=0.0, compared_with="y").met is True
    assert alone("calls", "", [1.0], target=0.0, compared_with="y").met is False


def test_where_nothing_is_promised_nothing_is_broken() -> None:
    figure: Figure = alone("rate", "", [1.0], target=None, compared_with="y")
    assert figure.met is None
