"""How long to wait before the next try. Pure, but for the dice."""

from __future__ import annotations

import random


class Backoff:
    """Doubling delays with jitter, so that fifty agents don't come back in the same second.

    :param first_s: longest first delay, in seconds
    :param longest_s: delays never get longer than this, in seconds
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._tries = 0

    def next_s(self) -> float:
        """The next delay: between half and all of what the number of tries gives, in seconds."""
        full = min(self._longest_s, self._first_s * 2.0**self._tries)
        self._tries = min(self._tries + 1, 30)
        return jittered(full)

    def reset(self) -> None:
        """It worked: the next failure begins anew."""
        self._tries = 0


def jittered(delay_s: float) -> float:
    """Between half and all of ``delay_s``."""
    return delay_s * random.uniform(0.5, 1.0)  # noqa: S311  (spreads load, guards nothing)
