"""Looking at files that agents name, where a look may take for ever: never on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from nuketown_approval.errors import ApprovalUnavailable

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 16
_OF_ONE_AGENT = 4
_LIMIT_S = 5.0


class Lookups:
    """A few threads; an agent whose file systems hang waits alone."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="look")
        self._places: dict[str, asyncio.Semaphore] = {}

    async def run(
        self, agent: str, look: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """Call ``look`` in a thread.

        :raises ApprovalUnavailable: it takes longer than some seconds, or others of this agent do
        """
        loop = asyncio.get_running_loop()
        place = self._places.setdefault(agent, asyncio.Semaphore(_OF_ONE_AGENT))

        def ended(_: Future[T]) -> None:
            # The place is given back when the look ends, not when nobody waits for it any more.
            with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
                loop.call_soon_threadsafe(place.release)

        try:
            async with asyncio.timeout(_LIMIT_S):
                await place.acquire()
                future = self._threads.submit(look, *arguments, **named)
                future.add_done_callback(ended)
                return await asyncio.wrap_future(future)
        except TimeoutError as exc:
            raise ApprovalUnavailable("the files that it names do not answer: denied.") from exc

    def close(self) -> None:
        """Wait for no look that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
