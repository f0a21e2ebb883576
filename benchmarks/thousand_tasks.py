"""A thousand tasks that wait: how fast they are accepted, and what they cost from then on.

The daemon is busy with one task all the time: its session's command is a shell that sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

from benchmarks.figure import Figure, compared
from benchmarks.population import short_directory
from benchmarks.process import Started, daemon, online, request, script, status_when
from nuketown_daemon.errors import NuketownError
from nuketown_demo.town import Town

TASKS = 1000
_BLOCK = 100
_RESTARTS = 9
_FLAT = 1.1
_READY_S = 20.0
_TASK = {
    "op": "task", "project": "hello", "mode": "interactive",
    "prompt": "Read the README and say in three sentences what this repository is for.",
}  # fmt: skip


async def thousand_tasks() -> list[Figure]:
    """Accept rate, memory before and after, and time to be ready again."""
    async with _town() as (town, directory):
        rates, commits, before, after = await _accept(town, directory)
        full, empty = await _restarts(town, directory)
    return [
        compared(
            "thousand-tasks/accept-rate", "tasks/s", rates, commits, target=None, better="higher",
            compared_with="SQLite commits (WAL, synchronous=FULL), each a socket round trip",
        ),
        compared(
            "thousand-tasks/memory", "MiB", [after], [before], target=_FLAT,
            compared_with="the same daemon before the first of them",
        ),
        compared(
            "thousand-tasks/restart", "ms", full, empty, target=None,
            compared_with="exec to READY=1 with an empty queue",
        ),
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def _town() -> AsyncIterator[tuple[Town, Path]]:
    command = ["/bin/sh", "-c", "exec sleep 600", "claude"]
    with short_directory() as directory:
        settings = {"mode": "interactive", "session": {"command": command}}
        town = Town(directory / "town", api_url="http://127.0.0.1:9", daemon=settings)
        async with town:
            yield town, directory


async def _accept(town: Town, directory: Path) -> tuple[list[float], list[float], float, float]:
    """Tasks and commits per second, block after block; MiB before and after."""
    rates: list[float] = []
    commits: list[float] = []
    counterpart = directory / "bare.sock"
    arguments = ["benchmarks.bare_journal", str(counterpart), str(directory / "bare.sqlite3")]
    async with daemon(town.environment, directory) as process, script(arguments):
        await _busy(town)
        async with Line(town.socket) as ours, Line(counterpart) as theirs:
            await _rate(theirs, 10)
            before = await _settled(process)
            for _ in range(TASKS // _BLOCK):
                rates.append(await _rate(ours, _BLOCK))
                commits.append(await _rate(theirs, _BLOCK))
            after = await _settled(process)
        queued = (await status_when(town.socket, lambda _: True))["queued"]
        if queued != TASKS:
            raise NuketownError(f"{queued} tasks are queued instead of {TASKS}.")
    return rates, commits, before, after


async def _busy(town: Town) -> None:
    await online(town.socket)
    await request(town.socket, _TASK)
    await status_when(
        town.socket,
        lambda status: status["current"] is not None and status["current"]["state"] == "running",
    )


async def _settled(process: Started) -> float:
    await asyncio.sleep(2.0)
    return process.uss_mib()


async def _rate(line: Line, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        await line.ask(_TASK)
    return count / (time.perf_counter() - start)


async def _restarts(town: Town, directory: Path) -> tuple[list[float], list[float]]:
    """Milliseconds until ready, with the thousand and with none."""
    stored = town.state.rename(directory / "stored")
    full: list[float] = []
    empty: list[float] = []
    for number in range(_RESTARTS + 1):
        for times, state in ((full, stored), (empty, None)):
            home = directory / f"state{number}"
            if state is not None:
                shutil.copytree(state, home / "nuketown")
            environment = {**town.environment, "XDG_STATE_HOME": str(home)}
            async with daemon(environment, directory) as process:
                if number:  # the first pair warms up
                    times.append(process.ready_s * 1000)
            shutil.rmtree(home)
    return full, empty


class Line:
    """A connection that asks again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(_READY_S):
            while True:
                try:
                    connection = await asyncio.open_unix_connection(str(self._path))
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    self._reader, self._writer = connection
                    return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def ask(self, operation: Mapping[str, Any]) -> None:
        """One round trip.

        :raises NuketownError: it was refused
        """
        self._writer.write(json.dumps(operation).encode() + b"\n")
        reply = json.loads(await self._reader.readline())
        if not reply.get("ok"):
            raise NuketownError(f"a task was refused: {reply.get('error')}")
