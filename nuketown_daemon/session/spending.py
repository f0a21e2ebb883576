"""What a session costs, before and after the harness has said so. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# US dollars per million tokens (input, output), for the time until the harness tells the exact
# figure, and for a process that dies before it does. A model that is not here counts as the
# dearest, so that an estimate errs towards stopping.
_RATES = (("haiku", 1.0, 5.0), ("sonnet", 3.0, 15.0), ("opus", 5.0, 25.0))
_UNKNOWN = (15.0, 75.0)
_CHARACTERS_PER_TOKEN = 3.5
# Price relative to input (platform.claude.com/docs/en/build-with-claude/prompt-caching).
_CACHE_READ, _CACHE_WRITE = 0.1, 1.25


class Spending:
    """Cost and turns of one process of the harness.

    :param counted_usd: what the process began counting from: a resumed session goes on from the
        total that it had, and that was paid for by an earlier process
    """

    def __init__(self, counted_usd: float = 0.0) -> None:
        self._base_usd = counted_usd
        self._exact_usd = 0.0
        self._settled_turns = 0
        self._estimates: dict[str, float] = {}

    @property
    def cost_usd(self) -> float:
        """US dollars: exact up to the last result, estimated after it."""
        return self._exact_usd + sum(self._estimates.values())

    @property
    def turns(self) -> int:
        """Answers of the model."""
        return self._settled_turns + len(self._estimates)

    def answered(
        self, message_id: str, model: str, usage: Mapping[str, Any], characters: int
    ) -> None:
        """Count a (part of a) message of the model that no result has covered yet.

        :param characters: length of what this part said
        """
        rate_in, rate_out = _rates(model)
        if message_id not in self._estimates:
            tokens = (
                _count(usage, "input_tokens")
                + _CACHE_READ * _count(usage, "cache_read_input_tokens")
                + _CACHE_WRITE * _count(usage, "cache_creation_input_tokens")
            )
            self._estimates[message_id] = tokens * rate_in / 1e6
        self._estimates[message_id] += characters / _CHARACTERS_PER_TOKEN * rate_out / 1e6

    def settled(self, total_usd: float | None) -> None:
        """Take the harness's own figure for the answers so far: its total since it began."""
        self._settled_turns += len(self._estimates)
        if total_usd is None:
            self._exact_usd = self.cost_usd
        else:
            if total_usd < self._base_usd:
                self._base_usd = 0.0  # this harness does not carry its total over
            self._exact_usd = max(self._exact_usd, total_usd - self._base_usd)
        self._estimates.clear()


def _rates(model: str) -> tuple[float, float]:
    for family, rate_in, rate_out in _RATES:
        if family in model:
            return rate_in, rate_out
    return _UNKNOWN


def _count(usage: Mapping[str, Any], key: str) -> float:
    value = usage.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
