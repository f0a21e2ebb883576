"""A TCP proxy whose network can be cut, frozen and half closed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

from nuketown_demo.prosody import HOST


class TcpProxy:
    """Forwards ``127.0.0.1:port`` to ``127.0.0.1:target``."""

    def __init__(self, target: int) -> None:
        self.connections = 0
        """Accepted so far."""
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._refusing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.thaw()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self, *, up: bool = True, down: bool = True) -> None:
        """Keep what is sent (``up``: to the server, ``down``: from it) until :meth:`thaw`."""
        if up:
            self._up.clear()
        if down:
            self._down.clear()

    def thaw(self) -> None:
        """Let everything flow."""
        self._up.set()
        self._down.set()

    def cut(self) -> None:
        """Reset every connection; what was kept is lost."""
        for writer in list(self._writers):
            writer.transport.abort()

    def half_close(self) -> None:
        """End what the client reads; what it writes still flows."""
        for writer in self._clients:
            writer.write_eof()

    def refuse(self, *, refusing: bool = True) -> None:
        """Reset new connections at once."""
        self._refusing = refusing

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        if self._refusing:
            writer.transport.abort()
            return
        self._writers.add(writer)
        self._clients.add(writer)
        try:
            there, back = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(back)
        with suppress(OSError, RuntimeError):  # RuntimeError: written to after half_close()
            await asyncio.gather(
                self._pump(reader, back, self._up), self._pump(there, writer, self._down)
            )
        for end in (writer, back):
            end.transport.abort()
            self._writers.discard(end)
        self._clients.discard(writer)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            await flows.wait()
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
