"""Processes of a session that outlived the daemon which started them.

Every process of a session carries ``NUKETOWN_SESSION=<session id>`` in the environment it was
started with; the kernel keeps that text (proc_pid_environ(5)), so they are found by it even when
their parent is gone. Those below them belong to it whatever their environment says.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    import psutil

SESSION_VARIABLE = "NUKETOWN_SESSION"
"""Name of the variable that marks the processes of a session."""

_POLL_S = 0.05
_KILL_WAIT_S = 1.0
_log = structlog.get_logger(__name__)


async def end_leftovers(session_id: str, *, grace_s: float = 2.0) -> int:
    """End what still runs of ``session_id``: SIGTERM, and SIGKILL after ``grace_s`` seconds.

    :return: how many processes there were
    """
    found = await asyncio.to_thread(_find, session_id)
    if not found:
        return 0
    _log.info("ending processes of a session", session=session_id, count=len(found))
    _signal(found, kill=False)
    rest = await _wait_gone(found, grace_s)
    if rest:
        # Anything that was started in the meantime is found by a second look.
        rest = list({*rest, *await asyncio.to_thread(_find, session_id)})
        _signal(rest, kill=True)
        await _wait_gone(rest, _KILL_WAIT_S)
    return len(found)


def _find(session_id: str) -> list[psutil.Process]:
    import psutil  # noqa: PLC0415 -- memory: loaded where a session needs it

    # A daemon that was itself started inside a session must not end itself.
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            if process.pid in spared or process.uids().real != os.getuid():
                continue
            children.setdefault(process.ppid(), []).append(process)
            if process.environ().get(SESSION_VARIABLE) == session_id:
                found[process.pid] = process
        except (psutil.Error, OSError):
            continue  # it ended while we looked, or is not ours to look at
    # A command may have emptied its environment (nix-shell --pure, env -i).
    below = list(found)
    while below:
        for process in children.get(below.pop(), []):
            if process.pid not in found:
                found[process.pid] = process
                below.append(process.pid)
    return list(found.values())


def _signal(processes: list[psutil.Process], *, kill: bool) -> None:
    import psutil  # noqa: PLC0415

    for process in processes:
        try:
            process.kill() if kill else process.terminate()
        except psutil.Error:
            continue


async def _wait_gone(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    # psutil's own wait would reap children that asyncio waits for.
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    alive = [process for process in processes if _alive(process)]
    while alive and loop.time() < deadline:
        await asyncio.sleep(_POLL_S)
        alive = [process for process in alive if _alive(process)]
    return alive


def _alive(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
