"""How often an agent may ask: a denial can't be outlived by asking again. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Of one agent; one agent's flood is no other agent's business."""

    requests_per_minute: int = 600
    """Of any kind, also those that a rule decides."""
    asks_per_minute: int = 10
    """Those that a human is asked."""
    pending: int = 10
    """At once."""
    denial_s: float = 300.0
    """So long after a human's no the same command is denied without asking, in seconds."""


class RateLimit:
    """Counts by agent. Times are Unix seconds and never go back further than a minute matters."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._requests: dict[str, deque[float]] = {}
        self._asks: dict[str, deque[float]] = {}
        self._denials: dict[tuple[str, str], tuple[float, str]] = {}

    def request(self, agent: str, *, now: float) -> str | None:
        """Count a request; a sentence where it is one too many."""
        if _within_a_minute(self._requests, agent, now) >= self._limits.requests_per_minute:
            return f"{agent} asks more than {self._limits.requests_per_minute} times a minute."
        self._requests[agent].append(now)
        return None

    def ask(self, agent: str, effect: str, *, pending: int, now: float) -> str | None:
        """Count a question to a human; a sentence where they are not to be asked.

        :param effect: digest of what would happen, whatever the directory
        :param pending: questions of this agent that wait
        """
        said = self._denials.get((agent, effect))
        if said is not None and now < said[0] + self._limits.denial_s:
            minutes = -int((now - said[0] - self._limits.denial_s) // 60)
            return f"this was {said[1]}: it can be asked again in {minutes} min."
        if pending >= self._limits.pending:
            return f"{pending} requests of {agent} wait already."
        if _within_a_minute(self._asks, agent, now) >= self._limits.asks_per_minute:
            return f"{agent} asks a human more than {self._limits.asks_per_minute} times a minute."
        self._asks[agent].append(now)
        return None

    def denied(self, agent: str, effect: str, sentence: str, *, now: float) -> None:
        """A human said no.

        :param sentence: ``denied on desktop by josh, 14:02``
        """
        end = now - self._limits.denial_s
        self._denials = {key: value for key, value in self._denials.items() if value[0] > end}
        self._denials[agent, effect] = (now, sentence)


def _within_a_minute(times: dict[str, deque[float]], agent: str, now: float) -> int:
    ours = times.setdefault(agent, deque())
    while ours and ours[0] <= now - 60:
        ours.popleft()
    return len(ours)
