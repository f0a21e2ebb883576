from hypothesis import given
from hypothesis import strategies as st

from nuketown_daemon.xmpp.strangers import Strangers, line

HOUR = 3600.0


def test_one_line_an_hour():
    strangers = Strangers()
    assert strangers.line_due("eve@example.org", 0.0)
    assert not strangers.line_due("eve@example.org", HOUR - 1)
    assert strangers.line_due("eve@example.org", HOUR)
    assert not strangers.line_due("eve@example.org", HOUR + 1)


def test_strangers_don_t_share_their_hour():
    strangers = Strangers()
    assert strangers.line_due("eve@example.org", 0.0)
    assert strangers.line_due("mallory@example.org", 0.0)


def test_invented_addresses_get_no_flood_of_answers():
    strangers = Strangers(lines_an_hour=10)
    told = sum(strangers.line_due(f"eve{n}@example.org", n * 0.01) for n in range(1000))
    assert told == 10
    assert strangers.line_due("someone@example.org", HOUR + 10)


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 500)), max_size=200))
def test_never_more_than_promised(events: list[tuple[int, float]]):
    strangers = Strangers(remembered=20, lines_an_hour=5)
    now, told = 0.0, []
    for who, pause in events:
        now += pause
        if strangers.line_due(f"s{who}", now):
            told.append((who, now))
    for who, at in told:
        hour = [(w, t) for w, t in told if at <= t < at + HOUR]
        assert len(hour) <= 5
        assert sum(w == who for w, _ in hour) == 1
    assert len(strangers._told) <= 20


def test_the_line_gives_nothing_away():
    assert line("ada").count("\n") == 0
    assert "ada" in line("ada")
