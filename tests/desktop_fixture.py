"""The desktop channel on a real X server, with hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nuketown_broker.channels.desktop import DesktopChannel
from nuketown_broker.channels.desktop.conversation import CONSIDERED_S
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Answer, Question
from tests.desktop_questions import Answers
from tests.x_server import XServer, start_server


@pytest.fixture
def x_servers(tmp_path: Path) -> Iterator[Callable[..., XServer]]:
    """Starts X servers, with access control by cookie (``-auth``) unless told otherwise."""
    with ExitStack() as stack:
        count = 0

        def start(*, locked: bool = True) -> XServer:
            nonlocal count
            count += 1
            server = start_server(tmp_path / f"x{count}", locked=locked)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def x_server(x_servers: Callable[..., XServer]) -> XServer:
    """An X server that nobody without its cookie gets into."""
    return x_servers()


@dataclass
class Desk:
    """A desktop channel that runs, and who sits before it."""

    channel: DesktopChannel
    server: XServer
    answers: Answers
    _seen: set[str] = field(default_factory=set)

    async def window(self, title: str) -> str:
        """A window with this title that was not returned before, once it is on the screen."""
        for _ in range(1500):
            for found in await asyncio.to_thread(self.server.windows, title):
                # Not by the window's id: the server gives it to the next client again.
                process = await asyncio.to_thread(self.server.hands, "getwindowpid", found)
                if process and process not in self._seen:
                    self._seen.add(process)
                    return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"no window {title}: {self.channel.problem}")

    async def no_window(self) -> None:
        """Wait until the screen is empty."""
        for _ in range(1500):
            if not await asyncio.to_thread(self.server.windows):
                return
            await asyncio.sleep(0.01)
        raise AssertionError("a window is left")

    async def read(self) -> None:
        """Look at a popup as long as a yes needs."""
        await asyncio.sleep(CONSIDERED_S)

    async def press(self, window: str, *keys: str) -> None:
        await asyncio.to_thread(self.server.press, window, *keys)

    async def answer_to(self, question: Question) -> Answer:
        """The answer, once it is there."""
        async with asyncio.timeout(15):
            while (answer := self.answers.to(question)) is None:
                self.answers.arrived.clear()
                await self.answers.arrived.wait()
        return answer


@asynccontextmanager
async def at_the_desk(
    server: XServer, home: Path, environment: dict[str, str] | None = None
) -> AsyncIterator[Desk]:
    answers = Answers()
    channel = DesktopChannel(
        Configuration(role="workstation", state_directory=home / "state"),
        answers,
        environment=environment or server.environment(home),
    )
    running = asyncio.create_task(channel.run())
    try:
        yield Desk(channel, server, answers)
    finally:
        running.cancel()
        await asyncio.wait({running})


@pytest.fixture
async def desk(x_server: XServer, tmp_path: Path) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(at_the_desk(x_server, tmp_path))


OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk(tmp_path: Path) -> AsyncIterator[OpenDesk]:
    """Opens a desk on a server with an environment of its own."""
    async with AsyncExitStack() as stack:

        async def opened(server: XServer, environment: dict[str, str] | None = None) -> Desk:
            return await stack.enter_async_context(at_the_desk(server, tmp_path, environment))

        yield opened
