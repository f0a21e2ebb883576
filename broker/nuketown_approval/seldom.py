"""Saying the same thing seldom: what others can cause a thousand times a second is logged once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

_WINDOW_S = 60.0
_KEPT = 256


class Seldom:
    """Once a minute for each key; the key said longest ago is forgotten first."""

    def __init__(self) -> None:
        self._said: OrderedDict[Hashable, float] = OrderedDict()

    def due(self, key: Hashable, now_s: float) -> bool:
        """Shall it be said now? A yes counts as said.

        :param now_s: a monotonic clock, in seconds
        """
        said = self._said.get(key)
        if said is not None and now_s - said < _WINDOW_S:
            return False
        self._said[key] = now_s
        self._said.move_to_end(key)
        if len(self._said) > _KEPT:
            self._said.popitem(last=False)
        return True
