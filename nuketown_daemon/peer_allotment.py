"""How often the words of a peer may be put to a model. Pure: no I/O.

The model is asked about one after the other: a peer, which may be an agent that a stranger talked
into it, must not keep an owner's request waiting behind a hundred riddles, nor spend the budget.
"""

from __future__ import annotations

from collections import deque

_CALLS = 10
_WINDOW_S = 600.0


class PeerAllotment:
    """Ten model calls in ten minutes for each peer; beyond that it is asked what it means."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[float]] = {}

    def take(self, peer: str, now_s: float) -> bool:
        """May ``peer`` cost a call now? A yes counts as one.

        :param peer: bare JID; only the configured ones get here, so what is kept is bounded
        :param now_s: a monotonic clock, in seconds
        """
        calls = self._calls.setdefault(peer, deque())
        while calls and now_s - calls[0] >= _WINDOW_S:
            calls.popleft()
        if len(calls) >= _CALLS:
            return False
        calls.append(now_s)
        return True
