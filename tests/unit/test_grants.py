"""Grants: exactly one command, for a while, in memory."""

from __future__ import annotations

import pytest

from nuketown_approval.request import ApprovalRequest
from nuketown_broker.grants import Grants
from tests.policy_fixture import Town


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def grants(clock: _Clock) -> Grants:
    return Grants(clock)


def _request(town: Town, *words: str, **changes: object) -> ApprovalRequest:
    return town.request(town.command(words, **changes))


def test_a_grant_holds_for_its_minutes(grants: Grants, clock: _Clock, town: Town) -> None:
    grant = grants.give(_request(town, "cat", "/x"), given_by="josh", minutes=10, for_task=False)
    clock.now += 599.9
    assert grants.find(_request(town, "cat", "/x")) == grant
    clock.now += 0.2
    assert grants.find(_request(town, "cat", "/x")) is None
    assert grants.in_force() == []


def test_a_grant_for_a_task_ends_with_it_or_after_an_hour(
    grants: Grants, clock: _Clock, town: Town
) -> None:
    request = _request(town, "cat", "/x")
    grants.give(request, given_by="josh", minutes=None, for_task=True)
    assert grants.task_ended("ada") == []
    assert len(grants.task_ended("liver")) == 1
    assert grants.find(request) is None
    grants.give(request, given_by="josh", minutes=None, for_task=True)
    clock.now += 3600
    assert grants.find(request) is None


def test_minutes_outlive_the_task(grants: Grants, town: Town) -> None:
    request = _request(town, "cat", "/x")
    grants.give(request, given_by="josh", minutes=10, for_task=False)
    grants.task_ended("liver")
    assert grants.find(request) is not None


@pytest.mark.parametrize("minutes", [0, -1, 61, 600])
def test_no_grant_is_longer_than_an_hour(grants: Grants, town: Town, minutes: int) -> None:
    with pytest.raises(ValueError, match="1 to 60 minutes"):
        grants.give(_request(town, "cat"), given_by="josh", minutes=minutes, for_task=True)
    with pytest.raises(ValueError, match="minutes or for a task"):
        grants.give(_request(town, "cat"), given_by="josh", minutes=None, for_task=False)


@pytest.mark.attack
def test_nothing_similar_is_covered(grants: Grants, town: Town) -> None:
    grants.give(_request(town, "cat", "/x"), given_by="josh", minutes=10, for_task=False)
    assert grants.find(_request(town, "cat", "/x", cwd="/tmp")) is not None
    for other in (
        _request(town, "cat", "/x", "/y"),
        _request(town, "cat", "/x "),
        _request(town, "cat"),
        _request(town, "cat", "/x", env=(("LANG", "C"),)),
        _request(town, "cat", "/x", mode="shell"),
        _request(town, "cat", "/x", path="/bin/cat"),
        _request(town, "cat", "/x", path_sha256="0" * 64),
        _request(town, "cat", "/x").model_copy(update={"agent": "ada"}),
        _request(town, "cat", "/x").model_copy(update={"host": "other"}),
    ):
        assert grants.find(other) is None


def test_grants_are_listed_and_revoked(grants: Grants, clock: _Clock, town: Town) -> None:
    one = grants.give(_request(town, "cat", "a b"), given_by="josh", minutes=10, for_task=False)
    two = grants.give(_request(town, "cat", "\x1b[2J"), given_by="eve", minutes=5, for_task=True)
    clock.now += 60
    listed = {g.id: g for g in grants.in_force("liver")}
    assert listed[one.id].command == "cat 'a b'"
    assert listed[one.id].seconds_left == 540
    assert "\x1b" not in listed[two.id].command
    assert grants.in_force("ada") == []
    assert grants.revoke(one.id, agent="ada") is None
    assert grants.revoke(one.id, agent="liver") == one
    assert grants.revoke(one.id) is None
    assert grants.revoke_all("ada") == []
    assert grants.revoke_all("liver") == [two]
    assert grants.in_force() == []


def test_the_later_answer_counts(grants: Grants, clock: _Clock, town: Town) -> None:
    request = _request(town, "cat", "/x")
    grants.give(request, given_by="josh", minutes=60, for_task=False)
    grants.give(request, given_by="josh", minutes=1, for_task=False)
    assert len(grants.in_force()) == 1
    clock.now += 61
    assert grants.find(request) is None
