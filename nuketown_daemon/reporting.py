"""The sentences people read about tasks. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from nuketown_daemon.chat import whole
from nuketown_daemon.task import Mode, Task, TaskState

_RESULT_LIMIT = 3000
_UNHEARD_LIMIT = 300


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(75)
    '1 min 15 s'
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ordinal(number: int) -> str:
    """A number as a place in a queue.

    >>> [ordinal(n) for n in (1, 2, 3, 11, 22)]
    ['1st', '2nd', '3rd', '11th', '22nd']
    """
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10)
    return f"{number}{suffix or 'th'}"


def shortened(text: str, limit: int = _RESULT_LIMIT) -> str:
    """Text cut at ``limit`` characters, with a visible mark."""
    text = whole(text).strip()
    return text if len(text) <= limit else text[:limit].rstrip() + " … (cut)"


def name_of(task: Task) -> str:
    """How a task is spoken of."""
    return f"{task.title} ({task.request.project}, task {task.id})"


def money(task: Task) -> str:
    """What a task has cost; an interactive session's cost is known to its harness alone."""
    if task.session_mode is Mode.INTERACTIVE and not task.cost_usd:
        return "$0.00 for the workspace, the session's cost is on its own status line"
    return f"${task.cost_usd:.2f}"


def accepted(agent: str, task: Task, current: Task | None, position: int) -> str:
    """Acknowledge a task that is on disk now."""
    if current is None:
        return f"On it: {name_of(task)}."
    return (
        f"{agent} is currently working on {current.title}, your request is queued "
        f"({ordinal(position)}): {name_of(task)}."
    )


def next_is(task: Task) -> str:
    """Tell that words which came too late for a task became the next one."""
    return f"What you said last is next: {name_of(task)}."


def _unheard(texts: Sequence[str]) -> str:
    """Tell that a session ended before it heard what was said to it."""
    said = " ".join(f"«{shortened(text, _UNHEARD_LIMIT)}»" for text in texts)
    return f"It ended before it heard {said}: say that again where it still holds."


_HEADLINES = {
    TaskState.DONE: "Done",
    TaskState.FAILED: "Failed",
    TaskState.CANCELLED: "Stopped",
    TaskState.INTERRUPTED: "Interrupted",
}


def summary(task: Task, work: str | None, *, unheard: Sequence[str] = ()) -> str:
    """The final message about a task that ended.

    :param unheard: what was said to its session and did not reach it
    """
    parts = [f"{_HEADLINES[task.state]}: {name_of(task)}"]
    if task.result:
        parts.append(shortened(task.result))
    if work:
        parts.append(work)
    facts = [money(task)]
    if task.turns:
        facts.append(f"{task.turns} turn{'s' if task.turns != 1 else ''}")
    if task.started and task.ended:
        facts.append(duration(task.ended - task.started))
    parts.append(" · ".join(facts))
    if unheard:
        parts.append(_unheard(unheard))
    if task.state in (TaskState.FAILED, TaskState.INTERRUPTED):
        parts.append(f"Say `retry {task.id}` to run it again.")
    return "\n".join(parts)


def status_line(task: Task) -> str:
    """One line of a list of tasks."""
    branch = f" on {task.branch}" if task.branch else ""
    return f"#{task.id} {task.state}: {task.title} ({task.request.project}{branch})"
