"""What a stranger gets: one polite line an hour, and nothing else. Pure: no I/O."""

from __future__ import annotations

from collections import OrderedDict, deque

_HOUR_S = 3600.0


class Strangers:
    """Remembers who was told, within bounds.

    :param remembered: strangers kept in mind; the one told longest ago is forgotten first
    :param lines_an_hour: lines to all strangers together, so that a flood of addresses (any
        server can invent its own) costs no flood of answers
    """

    def __init__(self, remembered: int = 500, lines_an_hour: int = 60) -> None:
        self._told: OrderedDict[str, float] = OrderedDict()
        self._lines: deque[float] = deque()
        self._remembered = remembered
        self._lines_an_hour = lines_an_hour

    def line_due(self, bare_jid: str, now_s: float) -> bool:
        """Shall ``bare_jid`` be told now? A yes counts as told.

        :param now_s: a monotonic clock, in seconds
        """
        while self._lines and now_s - self._lines[0] >= _HOUR_S:
            self._lines.popleft()
        told = self._told.get(bare_jid)
        if told is not None and now_s - told < _HOUR_S:
            return False
        if len(self._lines) >= self._lines_an_hour:
            return False
        self._told[bare_jid] = now_s
        self._told.move_to_end(bare_jid)
        if len(self._told) > self._remembered:
            self._told.popitem(last=False)
        self._lines.append(now_s)
        return True


def line(agent: str) -> str:
    """What a stranger is told."""
    return f"Hello, I am {agent}, an AI agent. I only work with the people who run me, sorry."
