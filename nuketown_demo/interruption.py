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


async def interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Run ``work``; the first signal cancels it, further ones don't disturb it putting things away.

    :return: what ``work`` returned, or :data:`INTERRUPTED`
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    interrupted = False

    def interrupt(number: signal.Signals) -> None:
        nonlocal interrupted
        if number is signal.SIGHUP:
            _forget_terminal()
        if not interrupted:
            interrupted = True
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await task
    except asyncio.CancelledError:
        if interrupted:
            return INTERRUPTED
        raise
    finally:
        # All is put away; what comes now must not spoil the exit status.
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


def _forget_terminal() -> None:
    """Nobody reads any more: writing shall not fail in the middle of putting things away."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
