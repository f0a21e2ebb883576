"""The list that takes the place of too many popups. It can open one, or deny all; never approve."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import structlog

from nuketown_approval.errors import ApprovalError, ApprovalUnavailable
from nuketown_broker.channels.desktop.text import plain, shown
from nuketown_broker.channels.desktop.zenity import Pressed, Zenity
from nuketown_broker.contract import Question

log = structlog.get_logger(__name__)
_STEADY_S = 1.5
"""A list that is on the screen stays so long, however fast requests come."""
_DENY_ALL = "Deny all"


class Pile:
    """Shows what it is given, until it is given nothing.

    :param choose: called with the id of the request that was chosen
    :param deny: called with each id of a list that was denied
    """

    def __init__(
        self, choose: Callable[[str], None], deny: Callable[[str], Awaitable[None]]
    ) -> None:
        self._choose = choose
        self._deny = deny
        self._chosen: set[str] = set()
        self._wanted: dict[str, Question] = {}
        self._changed = asyncio.Event()
        self._zenity: Zenity | None = None
        self._task: asyncio.Task[None] | None = None

    def chose(self, request_id: str) -> bool:
        """Has it a popup of its own, chosen from the list?"""
        return request_id in self._chosen

    def forget(self, request_id: str) -> None:
        """Its popup is gone."""
        self._chosen.discard(request_id)

    def show(self, questions: Mapping[str, Question], zenity: Zenity) -> None:
        """Show these and no others; none: close the window."""
        if questions.keys() == self._wanted.keys():
            return
        self._wanted = dict(questions)
        self._zenity = zenity
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="list of requests")

    async def stop(self) -> None:
        """Close the window."""
        self._wanted = {}
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        try:
            while self._wanted and self._zenity is not None:
                self._changed.clear()
                listed = dict(self._wanted)
                pressed = await self._show_until_changed(listed, self._zenity)
                if pressed is None:
                    continue
                if pressed.label == _DENY_ALL:
                    await self._deny_all(listed)
                elif pressed.label in listed:
                    self._chosen.add(pressed.label)
                    self._choose(pressed.label)
                else:  # later: it comes back when something changes
                    await self._changed.wait()
        except ApprovalError as exc:
            log.warning("the list of requests can't be shown", why=str(exc))

    async def _show_until_changed(
        self, listed: Mapping[str, Question], zenity: Zenity
    ) -> Pressed | None:
        """Show the list; None: it is out of date and was taken away."""
        count = f"{len(listed)} requests wait"
        arguments = [
            f"--text={count}. Open one to read and answer it.",
            "--column=id", "--column=Agent", "--column=Request", "--hide-column=1",
            "--print-column=1", "--width=860", "--height=480",
            "--ok-label=Open", "--cancel-label=Later", f"--extra-button={_DENY_ALL}",
        ]  # fmt: skip
        window = zenity.window("list", count, arguments, None)
        showing = asyncio.create_task(window.show(_rows(listed)), name="list window")
        changed = asyncio.create_task(self._changed.wait(), name="list changed")
        try:
            await asyncio.wait({showing, changed}, return_when=asyncio.FIRST_COMPLETED)
            if not showing.done() and self._wanted:
                await asyncio.wait({showing}, timeout=_STEADY_S)
            if not showing.done():
                window.close()
            pressed = await showing
        finally:
            for task in (showing, changed):
                task.cancel()
            await asyncio.gather(showing, changed, return_exceptions=True)
        if self._changed.is_set() and pressed.label is None:
            return None
        if not pressed.closed:
            raise ApprovalUnavailable(f"its window failed (exit status {pressed.status}).")
        return pressed

    async def _deny_all(self, listed: Mapping[str, Question]) -> None:
        for request_id in listed:
            with contextlib.suppress(ApprovalError):
                await self._deny(request_id)
        while self._wanted.keys() & listed.keys():
            self._changed.clear()
            await self._changed.wait()


def _rows(questions: Mapping[str, Question]) -> str:
    """One cell a line (zenity(1)); every cell is one line by its making."""
    cells: list[str] = []
    for request_id, question in questions.items():
        cells += [request_id, plain(question.request.agent), shown(question).row]
    return "".join(f"{cell}\n" for cell in cells)
