"""Ctrl-C, SIGTERM and a closed terminal: all of them end the demonstration in order, once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

INTERRUPTED = 130
"""Exit status after an interruption, as shells report Ctrl-C."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Whether a signal still ends the work; the first one does, later ones change nothing."""

    def __init__(self) -> None:
        self.came = False
        self._work: asyncio.Task[int] | None = None

    def too_late(self) -> None:
        """The work is over, things are being put away: from now on signals don't disturb that."""
        self._work = None

    async def run(self, work: Coroutine[Any, Any, int]) -> int:
        """Run ``work``, cancelled by the first signal.

        :return: what ``work`` returned, or :data:`INTERRUPTED`
        """
        loop = asyncio.get_running_loop()
        task = self._work = loop.create_task(work)
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._interrupt, number)
        try:
            return await task
        except asyncio.CancelledError:
            if self.came:
                return INTERRUPTED
            raise
        finally:
            # All is put away; what comes now must not spoil the exit status.
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)

    def _interrupt(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            _forget_terminal()
        if self._work is not None:
            self._work.cancel()
            self._work = None
            self.came = True


def _forget_terminal() -> None:
    """Nobody reads any more: writing shall not fail in the middle of putting things away."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
