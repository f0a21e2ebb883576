"""Everything this process has started, directly or not: found again, and ended."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil

from nuketown_daemon.errors import NuketownError

_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.02


@asynccontextmanager
async def ending_descendants(*, grace_s: float = 2.0, kill_s: float = 5.0) -> AsyncIterator[None]:
    """At the end of the context no descendant of this process is left.

    Where a parent in between dies (tmux does that on purpose), the orphans come to us and not to
    process 1, so that "descendant" has no gaps (PR_SET_CHILD_SUBREAPER, prctl(2)).

    :param grace_s: between SIGTERM and SIGKILL, in seconds
    :param kill_s: for what SIGKILL is sent to, in seconds
    :raises NuketownError: the system can't adopt orphans, or something did not end
    """
    if not sys.platform.startswith("linux"):
        raise NuketownError(
            "the demonstration needs Linux: nothing else adopts orphaned processes."
        )
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise NuketownError(f"this system does not let us adopt orphaned processes: {reason}.")
    try:
        yield
    finally:
        await _end(grace_s, kill_s)


async def _end(grace_s: float, kill_s: float) -> None:
    loop = asyncio.get_running_loop()
    patience = loop.time() + grace_s
    limit = patience + kill_s
    asked: set[psutil.Process] = set()
    while running := _running():
        now = loop.time()
        if now > limit:
            names = ", ".join(str(process.pid) for process in running)
            raise NuketownError(f"these processes did not end: {names}.")
        for process in running:
            with suppress(psutil.Error):
                if now > patience:
                    process.kill()
                elif process not in asked:
                    asked.add(process)
                    process.terminate()
        await asyncio.sleep(_POLL_S)


def _running() -> list[psutil.Process]:
    """The descendants; those that have ended are taken off the process table."""
    running = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
            elif process.ppid() == os.getpid():
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
    return running
