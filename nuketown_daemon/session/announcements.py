"""What people hear of a Claude Code in tmux: once each, and when it waits for somebody there."""

from __future__ import annotations

from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.session.contract import SessionObserver

_ASKS = (
    None, "permission_prompt", "worker_permission_prompt", "elicitation_dialog",
    "elicitation_url_dialog", "agent_needs_input",
)  # fmt: skip
"""Types of notifications that somebody has to answer at the terminal."""
_QUESTION_LIMIT = 500


class Announcements:
    """One task's.

    :param server: name of the tmux server's socket, ``portal-ada``
    :param session: name of the tmux session
    """

    def __init__(self, observer: SessionObserver, server: str, session: str) -> None:
        self._observer = observer
        self._server, self.session = server, session
        self._told: set[str] = set()
        self._waiting_for: str | None = None
        self._dialog_seen = False

    @property
    def how_to_attach(self) -> str:
        """How a human gets there."""
        return f"{self._server} (or tmux -L {self._server} attach -t ={self.session})"

    async def say_once(self, text: str) -> None:
        """Tell what must arrive, unless it was told before."""
        if text not in self._told:
            self._told.add(text)
            await self._observer.say(text)

    async def show_once(self, text: str) -> None:
        """Show as progress, unless it was shown before."""
        if text not in self._told:
            self._told.add(text)
            await self._observer.progress(text)

    async def wait_for(self, reason: str | None) -> None:
        """Show that it waits for ``reason``, or no longer."""
        if reason != self._waiting_for:
            self._waiting_for, self._dialog_seen = reason, False
            await self._observer.waiting(reason)

    async def hook(self, report: HookReport) -> None:
        """Pass on a question that waits at the terminal; anything else means that none does."""
        if report.hook_event_name != "Notification":
            await self.wait_for(None)
        elif report.notification_type in _ASKS:
            question = " ".join((report.message or "Claude Code asks something").split())
            await self._observer.say(
                f"{question[:_QUESTION_LIMIT]}\nTo answer: {self.how_to_attach}"
            )
            await self.wait_for("an answer")

    async def status(self, status: str | None) -> None:
        """Notice that the dialog which a notification told of was answered: no hook tells."""
        if status == "waiting":
            self._dialog_seen = self._waiting_for is not None
        elif status == "busy" and self._dialog_seen:
            await self.wait_for(None)
