"""One question at the desk: its popup, its details, and what was pressed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

import structlog

from nuketown_approval.errors import ApprovalProtocolError, ApprovalUnavailable
from nuketown_broker.channels.desktop.display import check_display
from nuketown_broker.channels.desktop.look import Look
from nuketown_broker.channels.desktop.text import shown
from nuketown_broker.channels.desktop.zenity import Pressed, Window, Zenity
from nuketown_broker.contract import Answer, AnswerCallback, Question, Settled

log = structlog.get_logger(__name__)
CONSIDERED_S = 1.0
"""A yes sooner than this after the window's start was meant for something else on the screen."""
GRANT_MINUTES = 10

_DENY = "Deny"
_DETAILS = "Details"
_APPROVE = "Approve"
_GRANT = f"Approve for {GRANT_MINUTES} min"
_TASK = "Approve for this task"
_YES = frozenset({_APPROVE, _GRANT, _TASK})

Notice = Callable[[str, str], None]
"""Shows a title and a sentence, for a while."""


class Conversation:
    """Asks one question until it is answered, withdrawn, or can't be shown.

    :param notice: shows a sentence that outlives this question
    """

    def __init__(
        self,
        question: Question,
        *,
        zenity: Zenity,
        look: Look,
        answerer: str,
        answered: AnswerCallback,
        notice: Notice,
    ) -> None:
        self._question = question
        self._zenity = zenity
        self._look = look
        self._answerer = answerer
        self._answered = answered
        self._notice = notice
        self._shown = shown(question)
        self._window: Window | None = None
        self._settled: Settled | None = None
        self._put_away = False
        self.answered = False
        """An answer of this desk was taken, or came too late."""

    def put_away(self) -> None:
        """Close the window; the question still waits and may be shown again."""
        self._put_away = True
        if self._window is not None:
            self._window.close()

    def withdraw(self, settled: Settled) -> None:
        """Close the window: it was decided elsewhere."""
        self._settled = settled
        if self._window is not None:
            self._window.close()

    async def hold(self) -> None:
        """Ask.

        :raises ApprovalUnavailable: the window failed or its display is gone: no answer
        """
        details_seen = not self._shown.cut
        in_details = False
        while self._settled is None and not self._put_away:
            approvals = self._approvals(everything=in_details) if details_seen else []
            show = self._show_details if in_details else self._show_popup
            pressed = await show(approvals)
            if self._settled is not None:
                self._say_too_late(pressed)
                return
            if self._put_away and pressed.label is None:
                return
            await self._check(pressed)
            if pressed.label == _DETAILS and not in_details:
                in_details = details_seen = True
            elif pressed.label is None and pressed.status == 1 and in_details:
                in_details = False
            elif pressed.label in approvals and pressed.after_s < CONSIDERED_S:
                log.info("a yes came too soon to be meant", id=self._question.request.id)
            elif await self._give(self._answer(pressed.label, approvals)):
                self.answered = True
                return

    def _approvals(self, *, everything: bool) -> list[str]:
        if not self._question.decision.grant_offered:
            return [_APPROVE]
        return [_APPROVE, _GRANT, _TASK] if everything else [_APPROVE, _GRANT]

    async def _show_popup(self, approvals: list[str]) -> Pressed:
        # One button that is not an extra: Deny. It has the focus, and 0 is its exit status.
        arguments = [
            f"--text={self._shown.text}",
            "--no-markup",
            "--no-wrap",
            f"--ok-label={_DENY}",
        ]
        arguments += [f"--extra-button={label}" for label in (*approvals, _DETAILS)]
        return await self._show("info", arguments)

    async def _show_details(self, approvals: list[str]) -> Pressed:
        arguments = [
            "--font=monospace 10", "--width=860", "--height=560",
            f"--ok-label={_DENY}", "--cancel-label=Back",
            *(f"--extra-button={label}" for label in approvals),
        ]  # fmt: skip
        return await self._show("text-info", arguments, self._shown.details)

    async def _show(self, kind: str, arguments: list[str], text: str = "") -> Pressed:
        self._window = self._zenity.window(kind, self._shown.title, arguments, self._look)
        try:
            return await self._window.show(text)
        finally:
            self._window = None

    async def _check(self, pressed: Pressed) -> None:
        """A window that failed, or whose display is gone or open by now, said nothing."""
        if not pressed.closed:
            raise ApprovalUnavailable(f"the popup failed (exit status {pressed.status}).")
        await asyncio.to_thread(check_display, self._zenity.display)

    def _answer(self, label: str | None, approvals: list[str]) -> Answer:
        """Everything but the label of a button that approves is a no."""
        result: Literal["approved", "denied"] = "approved" if label in approvals else "denied"
        yes = result == "approved"
        return Answer(
            result,
            "desktop",
            self._answerer,
            minutes=GRANT_MINUTES if yes and label == _GRANT else None,
            for_task=yes and label == _TASK,
        )

    async def _give(self, answer: Answer) -> bool:
        """Hand in the answer; False: it does not count and the question still waits."""
        try:
            in_time = await self._answered(self._question.request.id, answer)
        except ApprovalProtocolError as exc:
            self._notice(self._shown.title, str(exc))
            return self._settled is not None
        if not in_time:
            self._notice(self._shown.title, "Already decided: your answer changed nothing.")
        return True

    def _say_too_late(self, pressed: Pressed) -> None:
        if pressed.label in _YES and self._settled is not None:
            self._notice(self._shown.title, f"Already decided: {self._settled.sentence}")
