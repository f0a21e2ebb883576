"""What people hear of a session in tmux."""

from __future__ import annotations

import pytest

from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.session.announcements import Announcements
from tests.interactive_town import Observer


def _notification(kind: str) -> HookReport:
    return HookReport(
        session_id="s",
        hook_event_name="Notification",
        notification_type=kind,
        message="Claude needs\n  you",
    )


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def announce(observer: Observer) -> Announcements:
    return Announcements(observer, "portal-ada", "hello")


@pytest.mark.parametrize("kind", ["permission_prompt", "worker_permission_prompt"])
async def test_a_question_at_the_terminal_is_told_until_it_is_answered(
    announce: Announcements, observer: Observer, kind: str
) -> None:
    await announce.hook(_notification(kind))
    assert observer.said == [
        "Claude needs you\nTo answer: portal-ada (or tmux -L portal-ada attach -t =hello)"
    ]
    await announce.status("busy")  # what was written down before the dialog opened
    assert observer.waits == ["an answer"]
    for status in ("waiting", "busy"):
        await announce.status(status)
    assert observer.waits == ["an answer", None]


async def test_other_notifications_ask_nothing(announce: Announcements, observer: Observer) -> None:
    for kind in ("idle_prompt", "auth_success", "agent_completed"):
        await announce.hook(_notification(kind))
    assert (observer.said, observer.waits) == ([], [])
