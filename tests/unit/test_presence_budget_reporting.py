"""The small pure parts: presence table, budget arithmetic, sentences."""

from __future__ import annotations

import pytest

from nuketown_daemon import reporting
from nuketown_daemon.budget import allowance
from nuketown_daemon.configuration import Budget
from nuketown_daemon.errors import BudgetError
from nuketown_daemon.presence import Presence, presence_of
from nuketown_daemon.task import Mode, Task, TaskRequest, TaskState


def _task(state: TaskState = TaskState.QUEUED, **facts: object) -> Task:
    request = TaskRequest(project="hello", prompt="add a LICENSE", source="dm", requester="j@x.org")
    return Task(id=3, request=request, state=state, created=0.0, **facts)  # type: ignore[arg-type]


def test_the_presence_table_of_the_seed() -> None:
    assert presence_of(None, None) == Presence("chat", "Ready")
    assert presence_of("fix udev", None) == Presence("dnd", "Working: fix udev")
    assert presence_of("fix udev", "sudo approval") == Presence("away", "Waiting for sudo approval")
    assert presence_of(None, "sudo approval") == Presence("away", "Waiting for sudo approval")


def test_no_budget_is_no_limit() -> None:
    assert allowance(Budget(), spent_today=1000.0) is None


def test_the_smaller_rest_counts() -> None:
    budget = Budget(per_task_usd=2.0, per_day_usd=5.0)
    assert allowance(budget, spent_today=1.0, spent_on_task=0.5) == pytest.approx(1.5)
    assert allowance(Budget(per_day_usd=5.0), spent_today=1.0) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("budget", "today", "on_task"),
    [
        (Budget(per_task_usd=1.0), 0.0, 1.0),
        (Budget(per_day_usd=5.0), 5.0, 0.0),
        (Budget(per_task_usd=2.0, per_day_usd=5.0), 3.5, 0.0),
    ],
)
def test_what_could_exceed_a_budget_is_not_started(
    budget: Budget, today: float, on_task: float
) -> None:
    with pytest.raises(BudgetError, match=r"budget\.per_"):
        allowance(budget, spent_today=today, spent_on_task=on_task)


def test_the_queue_is_announced_with_the_place() -> None:
    current = _task(TaskState.RUNNING)
    said = reporting.accepted("ada", _task(), current, 2)
    assert said.startswith(
        "ada is currently working on add a LICENSE, your request is queued (2nd)"
    )


def test_a_summary_says_all_that_matters() -> None:
    done = _task(
        TaskState.DONE, result="Added it.", cost_usd=0.031, turns=4, started=10.0, ended=85.0,
        session_mode=Mode.HEADLESS,
    )  # fmt: skip
    said = reporting.summary(done, "main: 1 commit")
    assert said.splitlines() == [
        "Done: add a LICENSE (hello, task 3)",
        "Added it.",
        "main: 1 commit",
        "$0.03 · 4 turns · 1 min 15 s",
    ]


def test_what_failed_can_be_retried_and_long_results_are_cut_visibly() -> None:
    said = reporting.summary(_task(TaskState.FAILED, result="x" * 5000), None)
    assert "retry 3" in said
    assert "(cut)" in said
    assert len(said) < 3500
