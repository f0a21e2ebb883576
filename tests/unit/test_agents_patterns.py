"""What patterns match, against other ways of saying the same."""

from __future__ import annotations

import itertools
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from nuketown_cli.agents.definition import Permission
from nuketown_cli.agents.patterns import covers, decide, matches, overlap

unhurried = settings(deadline=None)  # machines differ, and are shared

patterns = st.text("ab*?", max_size=5)
# Long enough for every pair of such patterns to show what tells them apart; c stands in neither.
TEXTS = ["".join(text) for n in range(7) for text in itertools.product("abc", repeat=n)]


def as_expression(pattern: str) -> str:
    parts = {"*": ".*", "?": "."}
    return "".join(parts.get(character) or re.escape(character) for character in pattern)


@unhurried
@given(st.text("a b/*?.[]\n", max_size=8), st.text("a b/*?.[]\n", max_size=12))
def test_a_pattern_matches_as_its_expression_does(pattern, text):
    expected = re.fullmatch(as_expression(pattern), text, re.DOTALL) is not None
    assert matches(pattern, text) == expected


@unhurried
@given(patterns, patterns)
def test_covering_and_overlapping_by_trying_all_texts(one, other):
    fits_one = {t for t in TEXTS if re.fullmatch(as_expression(one), t)}
    fits_other = {t for t in TEXTS if re.fullmatch(as_expression(other), t)}
    assert covers(one, other) == (fits_other <= fits_one)
    # Two patterns of five characters can need a text of more than six to meet.
    if fits_one & fits_other:
        assert overlap(one, other)
    elif "*" not in one and "*" not in other:
        assert not overlap(one, other)


def test_the_last_rule_that_matches_decides():
    bash = Permission.model_validate(
        {"intent": "ask", "rules": ["git *:allow", "git push*:deny", "git push --dry-run*:allow"]}
    )
    assert [
        decide(bash, command).value
        for command in ("ls", "git log", "git push", "git push --dry-run origin", "git")
    ] == ["ask", "allow", "deny", "allow", "ask"]


def test_what_is_too_hard_to_compare_is_given_up():
    hard = "*a" + "?" * 40 + "b*"
    assert not covers(hard, "*a*" + "?" * 30)
    assert overlap(hard, "*b" + "?" * 40 + "a*")
