"""The state machine and the names that come from strangers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nuketown_daemon.errors import TransitionError
from nuketown_daemon.task import (
    ENDED,
    Task,
    TaskRequest,
    TaskState,
    check_branch_name,
    check_project_name,
    check_transition,
)


def _request(prompt: str = "x") -> TaskRequest:
    return TaskRequest(project="hello", prompt=prompt, source="dm", requester="josh@example.org")


@pytest.mark.parametrize(
    "name",
    ["", "..", ".", "../../etc", "a/b", "/etc", "-rf", "a b", "a\nb", "a\0b", ".git", "x" * 101,
     "a;b", "$(x)", "hello.lock", "é"],
)  # fmt: skip
@pytest.mark.attack
def test_a_project_is_a_name_and_never_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="project name"):
        check_project_name(name)


@given(st.text())
def test_whatever_passes_as_a_project_stays_below_the_projects_directory(name: str) -> None:
    try:
        check_project_name(name)
    except ValueError:
        return
    assert "/" not in name
    assert not name.startswith(("-", "."))
    assert name.isprintable()


@pytest.mark.parametrize(
    "name",
    ["", "-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@", "a@{1}", "a/",
     "/a", "a//b", "a.lock", "a/.b", "x" * 201, "a\x7f"],
)  # fmt: skip
def test_branch_names_git_refuses_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="branch name"):
        check_branch_name(name)


@pytest.mark.parametrize("name", ["main", "feature/x", "fix-1.2", "user/añb", "v1"])
def test_branch_names_git_takes_are_taken(name: str) -> None:
    assert check_branch_name(name) == name


class Life(RuleBasedStateMachine):
    """Any order of attempts: what ended stays ended, and nothing runs that was not prepared."""

    def __init__(self) -> None:
        super().__init__()
        self.state = TaskState.QUEUED
        self.history = [self.state]

    @rule(wanted=st.sampled_from(TaskState))
    def attempt(self, wanted: TaskState) -> None:
        before = self.state
        try:
            self.state = check_transition(before, wanted)
        except TransitionError:
            return
        assert before not in ENDED
        self.history.append(self.state)

    @invariant()
    def running_only_after_preparing(self) -> None:
        for earlier, later in zip(self.history, self.history[1:], strict=False):
            if later is TaskState.RUNNING:
                assert earlier is TaskState.PREPARING
            if later is TaskState.DONE:
                assert earlier is TaskState.RUNNING


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=20)


@given(st.text(min_size=1, max_size=300))
def test_the_title_is_one_short_line(prompt: str) -> None:
    title = Task(id=1, request=_request(prompt), created=0.0).title
    assert len(title) <= 80
    assert len(title.splitlines()) <= 1
