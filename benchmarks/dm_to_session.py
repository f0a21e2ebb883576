"""From a DM to a terminal that works on it, beside the least that this could take.

The session's command is a shell that says that it was started and sleeps: the daemon is measured,
not Claude Code. Both sides have the same tmux, the same command and the same words after it, and
are stopped by the same clock: the first byte that the command in the pane writes to a pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from slixmpp import JID

from benchmarks.bare_client import BareClient
from benchmarks.figure import Figure, alone, compared
from benchmarks.population import Agent, plugins, short_directory
from benchmarks.process import bare_client, daemon, online, status_when
from nuketown_daemon.errors import NuketownError
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.prosody import HOST
from nuketown_demo.town import AGENT, OWNER, Town

PAIRS = 25
TARGET = 1.5
_ANSWER_S = 30.0
_PROMPT = "say what is in the README"
_SERVER = f"portal-{AGENT}"


def terminal_command(pipe: Path) -> list[str]:
    """What runs in the pane; the options and the prompt that are appended are not looked at."""
    return ["/bin/sh", "-c", f"echo started >'{pipe}'; exec sleep 600", "claude"]


class Pipe:
    """A named pipe: what the command in the pane writes to."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # Open for writing too, so that it never ends.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    async def written(self) -> float:
        """Wait until a command wrote; gives the time of the clock (time.perf_counter)."""
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[float] = loop.create_future()

        def take() -> None:
            os.read(self._descriptor, 4096)
            loop.remove_reader(self._descriptor)
            heard.set_result(time.perf_counter())

        loop.add_reader(self._descriptor, take)
        try:
            return await asyncio.wait_for(heard, _ANSWER_S)
        except TimeoutError as exc:
            loop.remove_reader(self._descriptor)
            raise NuketownError(f"no session began within {_ANSWER_S:.0f} s.") from exc

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class Owner(BareClient):
    """The owner's client: says things, and waits for what comes back."""

    def __init__(self, jid: str, password: str, names: list[str]) -> None:
        super().__init__(jid, password, names)
        self.started = asyncio.Event()
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def online(self) -> None:
        """Note that the session has started."""
        self.started.set()

    def _echo(self, message: Any) -> None:
        if message["type"] == "chat" and message["body"]:
            self.heard.put_nowait(message["body"])

    async def hears(self, part: str) -> None:
        """Wait for a message with ``part`` in it.

        :raises NuketownError: it did not come; says what came instead
        """
        instead = []
        try:
            async with asyncio.timeout(_ANSWER_S):
                while part not in (body := await self.heard.get()):
                    instead.append(body)
        except TimeoutError as exc:
            raise NuketownError(f"nobody said {part!r}; said was: {instead}.") from exc


async def dm_to_session() -> list[Figure]:
    """Time of a DM on a ready workspace; model calls and cost of that."""
    names = plugins()
    values, baselines = [], []
    async with _scene(names) as (town, owner, pipe, api):
        for pair in range(PAIRS + 1):
            value = await _by_daemon(town, owner, pipe)
            baseline = await _by_hand(town, owner, pipe)
            if pair:
                values.append(value * 1000)
                baselines.append(baseline * 1000)
        status = await status_when(town.socket, lambda _: True)
        calls = len(api.requests) + len(api.auxiliary) + api.refused
    return [
        compared(
            "dm-to-session", "ms", values, baselines, target=TARGET,
            compared_with="message round trip of two bare clients + tmux new-session from asyncio",
        ),
        alone(
            "dm-to-session/model-calls", "calls", [float(calls)], target=0.0,
            compared_with=f"requests that reached the Messages API in {PAIRS + 1} tasks",
        ),
        alone(
            "dm-to-session/cost", "US$", [status["cost_today_usd"]], target=0.0,
            compared_with=f"what the daemon counted for {PAIRS + 1} tasks",
        ),
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def _scene(names: str) -> AsyncIterator[tuple[Town, Owner, Pipe, MessagesApi]]:
    with short_directory() as directory:
        pipe = Pipe(directory / "pipe")
        settings = {
            "mode": "interactive",
            "session": {"command": terminal_command(directory / "pipe")},
        }
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(pipe.close)
            api = await stack.enter_async_context(MessagesApi([]))
            town = Town(directory / "town", api_url=api.url, daemon=settings)
            await stack.enter_async_context(town)
            echo = Agent("echo", directory / "echo", town.server)
            await echo.settle()
            await stack.enter_async_context(bare_client(echo.bare(names)))
            await stack.enter_async_context(daemon(town.environment, directory))
            await online(town.socket)
            owner = await stack.enter_async_context(_owner(town, names))
            await asyncio.sleep(1.0)
            yield town, owner, pipe, api


@contextlib.asynccontextmanager
async def _owner(town: Town, names: str) -> AsyncIterator[Owner]:
    owner = Owner(f"{town.owner}/phone", town.passwords[OWNER], names.split(","))
    owner.connect(HOST, town.server.port)
    await asyncio.wait_for(owner.started.wait(), _ANSWER_S)
    try:
        yield owner
    finally:
        await owner.disconnect(wait=1.0)


async def _by_daemon(town: Town, owner: Owner, pipe: Pipe) -> float:
    """Seconds from a DM until the command runs in its pane; the task is ended afterwards."""
    start = time.perf_counter()
    owner.send_message(JID(town.agent), f"work on hello -- {_PROMPT}", mtype="chat")
    try:
        took = await pipe.written() - start
    except NuketownError as exc:
        said = [owner.heard.get_nowait() for _ in range(owner.heard.qsize())]
        raise NuketownError(f"{exc} The daemon said: {said}.") from exc
    await owner.hears("On it")
    await _end_server(town)
    # Without its session the task fails; the next begins from the same state.
    await owner.hears("Failed")
    await _idle(town)
    return took


async def _by_hand(town: Town, owner: Owner, pipe: Pipe) -> float:
    """Seconds for a message to an echo and back, and then a session like the daemon's."""
    start = time.perf_counter()
    owner.send_message(JID("echo@localhost/nuketown"), f"work on hello -- {_PROMPT}", mtype="chat")
    await owner.hears(_PROMPT)
    command = [*terminal_command(town.directory.parent / "pipe"), "--", _PROMPT]
    waiting = asyncio.create_task(pipe.written())
    await _tmux(
        town, "new-session", "-d", "-P", "-F", "#{pane_id} #{pane_pid} #{pid}",
        "-s", "hello", "-x", "160", "-y", "48", "-c", str(town.clone), "--", *command,
    )  # fmt: skip
    took = await waiting - start
    await _end_server(town)
    return took


async def _idle(town: Town) -> None:
    await status_when(town.socket, lambda status: status["current"] is None)
    await asyncio.sleep(0.3)  # what is left to be written and sent


async def _end_server(town: Town) -> None:
    """End the tmux server, and see it gone: one that goes away still takes connections, and what
    is asked of it ends with "server exited unexpectedly".
    """
    await _tmux(town, "kill-server")
    path = Path(town.environment["TMUX_TMPDIR"]) / f"tmux-{os.getuid()}" / _SERVER
    async with asyncio.timeout(_ANSWER_S):
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.005)


async def _tmux(town: Town, *words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "tmux", "-L", _SERVER, *words, env=town.environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await process.communicate()
