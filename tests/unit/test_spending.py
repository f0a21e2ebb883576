"""Costs are exact where the harness has told them, estimated where not, and never counted twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_daemon.session.spending import Spending

USAGE = {"input_tokens": 1000, "output_tokens": 1}


def test_nothing_was_spent():
    assert (Spending().cost_usd, Spending().turns) == (0.0, 0)


def test_estimated_until_the_result_comes():
    spending = Spending()
    spending.answered("m1", "claude-haiku-4-5", USAGE, 350)
    assert spending.cost_usd == pytest.approx(0.001 + 100 * 5 / 1e6)
    spending.settled(0.0042)
    assert (spending.cost_usd, spending.turns) == (0.0042, 1)


def test_parts_of_one_message_count_as_one_turn():
    spending = Spending()
    spending.answered("m1", "claude-opus-5-5", USAGE, 0)
    spending.answered("m1", "claude-opus-5-5", USAGE, 0)
    assert (spending.cost_usd, spending.turns) == (pytest.approx(0.005), 1)


def test_a_resumed_process_counts_only_its_own():
    spending = Spending(1.5)
    spending.settled(1.75)
    assert spending.cost_usd == pytest.approx(0.25)


def test_a_harness_that_begins_anew_is_believed():
    spending = Spending(1.5)
    spending.settled(0.25)
    assert spending.cost_usd == pytest.approx(0.25)


def test_cached_input_is_cheaper_and_an_unknown_model_dear():
    cached, plain, unknown = Spending(), Spending(), Spending()
    cached.answered("m", "claude-haiku-4-5", {"cache_read_input_tokens": 1000}, 0)
    plain.answered("m", "claude-haiku-4-5", USAGE, 0)
    unknown.answered("m", "something-new", USAGE, 0)
    assert cached.cost_usd < plain.cost_usd < unknown.cost_usd


def test_a_result_without_a_figure_keeps_the_estimate():
    spending = Spending()
    spending.answered("m", "claude-haiku-4-5", USAGE, 0)
    spending.settled(None)
    assert (spending.cost_usd, spending.turns) == (pytest.approx(0.001), 1)


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 100))
def test_the_last_total_is_the_cost(steps, base):
    spending, total = Spending(base), base
    for step in steps:
        total += step
        spending.answered(str(total), "claude-sonnet-5", USAGE, 10)
        spending.settled(total)
    assert spending.cost_usd == pytest.approx(sum(steps), abs=1e-6)
    assert spending.cost_usd >= 0
