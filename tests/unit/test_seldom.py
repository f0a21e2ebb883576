"""What is said, or paid for, only so often."""

from __future__ import annotations

from nuketown_approval.seldom import Seldom
from nuketown_daemon.peer_allotment import PeerAllotment


def test_the_same_is_said_once_a_minute_and_what_is_kept_is_bounded() -> None:
    seldom = Seldom()
    assert [seldom.due(7, now) for now in (0.0, 1.0, 59.0, 60.0, 61.0)] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert seldom.due(8, 61.0)
    for uid in range(100_000, 101_000):
        seldom.due(uid, 62.0)
    assert len(seldom._said) == 256
    assert seldom.due(7, 62.0)  # forgotten rather than kept for ever


def test_a_peer_may_cost_ten_calls_in_ten_minutes() -> None:
    allotment = PeerAllotment()
    assert [allotment.take("vox", float(now)) for now in range(12)] == [True] * 10 + [False] * 2
    assert allotment.take("eve", 12.0)
    assert not allotment.take("vox", 599.0)
    assert allotment.take("vox", 600.0)
    assert not allotment.take("vox", 600.5)
