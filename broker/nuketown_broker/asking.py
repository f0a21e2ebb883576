"""Asking a human: on all channels at once, until the first that decides.

Everything that fails on the way denies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal

import structlog

from nuketown_approval.errors import ApprovalError
from nuketown_approval.request import ApprovalRequest
from nuketown_broker.audit.account import Account
from nuketown_broker.contract import Answer, Channel, Question, Settled
from nuketown_broker.open_list import OpenList
from nuketown_broker.pending import PendingRequests, Waiting

log = structlog.get_logger(__name__)
SHOW_S = 10.0
"""A channel that has not shown, or taken back, a question after so long is not waited for."""

LATE_S = 1.0
"""How often channels that could not ask are looked at again, in seconds."""

Conclude = Callable[[Question, Answer | Settled], Awaitable[Settled]]


class Asking:
    """Shows questions, waits for answers, and takes the questions back.

    :param channels: ways to ask a human; it may grow
    :param time_for: seconds after which silence is a no
    :param conclude: makes the end of what decided, and writes it down
    """

    def __init__(
        self,
        channels: list[Channel],
        pending: PendingRequests,
        *,
        account: Account,
        open_list: OpenList,
        time_for: Callable[[ApprovalRequest], float],
        conclude: Conclude,
    ) -> None:
        self._channels = channels
        self.pending = pending
        self._account = account
        self._open_list = open_list
        self._time_for = time_for
        self._conclude = conclude
        self._behind: set[asyncio.Task[None]] = set()

    def ready(self) -> list[Channel]:
        """The channels that can ask now."""
        return [channel for channel in self._channels if _is_ready(channel)]

    def why_nobody(self) -> str:
        """Why no human can be asked, in one sentence."""
        if not self._channels:
            return "nobody can be asked: no display and no chat account is configured"
        names = ", ".join(channel.name for channel in self._channels)
        return f"nobody can be asked now: not ready are {names}"

    async def ask(
        self,
        question: Question,
        channels: list[Channel],
        gone: asyncio.Event | None,
        waits: Callable[[], None] | None,
    ) -> Settled:
        """Ask on all channels at once; the first that decides ends it, and every failure denies.

        :param channels: those of :meth:`ready`
        :param gone: set when the asker is not there any more
        :param waits: called when a human is being asked
        """
        waiting = self.pending.add(question)
        settled = Settled("denied", "withdrawn", "withdrawn by who asked")
        showing: asyncio.Task[None] | None = None
        try:
            await self._account.asked(question, [channel.name for channel in channels])
            self._open_list.add(question)
            showing = asyncio.create_task(self._show(waiting, channels), name="show")
            if waits is not None:
                waits()
            timeout_s = self._time_for(question.request)
            decided = await _first_answer(waiting, gone, timeout_s)
            settled = await self._conclude(question, decided)
        except ApprovalError as exc:
            settled = Settled("denied", "nobody to ask", str(exc))
        except Exception:
            log.exception("a request failed", id=question.request.id)
            settled = Settled("denied", "nobody to ask", "denied: the broker failed")
        finally:
            waiting.decide(settled)
            self.pending.remove(waiting, settled)
            if showing is not None:
                self._later(self._take_back(question, channels, showing, settled))
        return settled

    async def finish(self) -> None:
        """Wait until what was shown is taken back, for a bounded time."""
        if self._behind:
            await asyncio.wait(set(self._behind), timeout=SHOW_S)

    async def _show(self, waiting: Waiting, channels: list[Channel]) -> None:
        """Show a question everywhere; shown nowhere is denied at once."""
        shown = await asyncio.gather(
            *(self._quietly(channel, channel.ask(waiting.question)) for channel in channels)
        )
        if not any(shown):
            sentence = "nobody could be asked: every channel failed"
            waiting.decide(Settled("denied", "nobody to ask", sentence))
        while not waiting.decided.done():
            await asyncio.wait({waiting.decided}, timeout=LATE_S)
            await self._show_late(waiting, channels)

    async def _show_late(self, waiting: Waiting, channels: list[Channel]) -> None:
        """Ask where it was not possible before: somebody sat down, or the server came back."""
        for channel in self.ready():
            if channel not in channels and not waiting.decided.done():
                channels.append(channel)
                await self._quietly(channel, channel.ask(waiting.question))

    async def _take_back(
        self,
        question: Question,
        channels: list[Channel],
        showing: asyncio.Task[None],
        settled: Settled,
    ) -> None:
        """Close popups and correct notices, when all of them were shown."""
        await asyncio.wait({showing})
        await asyncio.gather(
            *(self._quietly(channel, channel.settle(question, settled)) for channel in channels)
        )
        self._open_list.remove(question.request.id)

    async def _quietly(self, channel: Channel, work: Coroutine[Any, Any, None]) -> bool:
        """A channel's failure is its own: it approves nothing and stops no other."""
        try:
            async with asyncio.timeout(SHOW_S):
                await work
        except Exception:
            log.exception("a channel failed", channel=channel.name)
            return False
        return True

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="take back")
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)


async def _first_answer(
    waiting: Waiting, gone: asyncio.Event | None, timeout_s: float
) -> Answer | Settled:
    """The first that decides: an answer, the asker's leaving, the end of the time."""
    leaving = asyncio.create_task(_left(gone), name="asker")
    try:
        ends: set[asyncio.Future[Any]] = {waiting.decided, leaving}
        await asyncio.wait(
            ends,
            timeout=max(0.0, timeout_s),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if leaving.done():
            waiting.decide(Settled("denied", "withdrawn", "withdrawn by who asked"))
        waiting.decide(
            Settled("denied", "timed out", f"denied: no answer within {round(timeout_s)} s")
        )
    finally:
        leaving.cancel()
    return waiting.decided.result()


def _is_ready(channel: Channel) -> bool:
    try:
        return channel.ready
    except Exception:
        log.exception("a channel failed", channel=channel.name)
        return False


async def _left(gone: asyncio.Event | None) -> Literal[True]:
    if gone is None:
        await asyncio.get_running_loop().create_future()  # never: only cancelled
    else:
        await gone.wait()
    return True
