"""How often, and how soon, what the other side's server sent back is sent again. Pure: no I/O."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from nuketown_approval.xmpp.backoff import Backoff

_PASSING = frozenset((
    "remote-server-not-found", "remote-server-timeout", "service-unavailable",
    "resource-constraint", "internal-server-error",
    "not-acceptable", "forbidden", "not-allowed",  # of rooms that have lost us, or muted us
))  # fmt: skip
_LONGEST_S = 3600.0
_TRIES = 80
"""About three days."""
_REMEMBERED = 500


@dataclass
class _Bounced:
    backoff: Backoff
    times: int = 0


def may_pass(condition: str) -> bool:
    """Is it worth trying again where this was the reason (RFC 6120 §8.3.3)?"""
    return condition in _PASSING


class Bounces:
    """Remembers what came back.

    :param first_s: the longest first delay, in seconds
    """

    def __init__(self, first_s: float) -> None:
        self._first_s = first_s
        self._bounced: OrderedDict[str, _Bounced] = OrderedDict()

    def delay_s(self, stanza_id: str) -> float | None:
        """It came back once more: in how many seconds to send it again; None: not any more."""
        bounced = self._bounced.setdefault(stanza_id, _Bounced(Backoff(self._first_s, _LONGEST_S)))
        self._bounced.move_to_end(stanza_id)
        while len(self._bounced) > _REMEMBERED:
            self._bounced.popitem(last=False)
        bounced.times += 1
        return bounced.backoff.next_s() if bounced.times <= _TRIES else None
