"""What a benchmark reports."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Figure:
    """One figure. Where there is a baseline the target is for the ratio, else for the value."""

    name: str
    unit: str
    value: float
    baseline: float | None
    ratio: float | None
    """Median of the pairs' ratios, value to baseline."""
    target: float | None
    """None: nothing is promised."""
    spread: tuple[float, float]
    """Smallest and largest ratio of a pair; without a baseline, smallest and largest value."""
    runs: int
    compared_with: str
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool | None:
        """Does it hold what is promised?"""
        if self.target is None:
            return None
        reached = self.value if self.ratio is None else self.ratio
        return reached <= self.target if self.better == "lower" else reached >= self.target

    def as_object(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "spread": list(self.spread), "met": self.met}


def compared(
    name: str,
    unit: str,
    values: Sequence[float],
    baselines: Sequence[float],
    *,
    target: float | None,
    compared_with: str,
    better: Literal["lower", "higher"] = "lower",
) -> Figure:
    """Make a figure of pairs that were measured one right after the other.

    The median of the pairs' ratios is hardly moved by a machine that is busy for a while, because
    that slows both of a pair.
    """
    ratios = [value / baseline for value, baseline in zip(values, baselines, strict=True)]
    return Figure(
        name=name,
        unit=unit,
        value=statistics.median(values),
        baseline=statistics.median(baselines),
        ratio=statistics.median(ratios),
        target=target,
        spread=(min(ratios), max(ratios)),
        runs=len(ratios),
        compared_with=compared_with,
        better=better,
    )


def alone(
    name: str, unit: str, values: Sequence[float], *, target: float | None, compared_with: str
) -> Figure:
    """Make a figure that has no counterpart to be measured beside it."""
    return Figure(
        name=name,
        unit=unit,
        value=statistics.median(values),
        baseline=None,
        ratio=None,
        target=target,
        spread=(min(values), max(values)),
        runs=len(values),
        compared_with=compared_with,
    )
