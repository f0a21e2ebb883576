"""Serving lines of JSON at a Unix socket: who connects by the kernel's word, everything bounded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog

from nuketown_approval.peer import PeerCredentials, peer_credentials
from nuketown_approval.seldom import Seldom

_RETRY_S = 0.2
_log = structlog.get_logger(__name__)


class LineStream:
    """One client's lines in, ours out.

    :param longest: of a line, in bytes, with its newline
    :param idle_s: time for the next whole line, in seconds
    :param write_s: time in which a client must read what is on its way to it, in seconds
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        longest: int,
        idle_s: float,
        write_s: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._longest = longest
        self._idle_s = idle_s
        self._write_s = write_s
        # Nothing piles up here for a client that does not read: each line waits for the one before.
        writer.transport.set_write_buffer_limits(high=0)

    async def read(self) -> bytes:
        """Return the next line; empty at the end, and after a line that is too long.

        :raises TimeoutError: none came in time
        :raises ConnectionError: the client is gone
        """
        try:
            async with asyncio.timeout(self._idle_s):
                return await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as exc:
            if exc.partial.strip():
                await self.send(refusal("the last line does not end: finish it by a newline."))
        except asyncio.LimitOverrunError:
            # Where the next line begins can't be known without reading all of this one.
            await self.send(refusal(f"the line is longer than {self._longest} bytes."))
        return b""

    async def send(self, reply: dict[str, Any]) -> None:
        """Send a line and wait until it is on its way.

        :raises TimeoutError: the client does not read
        :raises ConnectionError: the client is gone
        """
        self.begin_to_send(reply)
        async with asyncio.timeout(self._write_s):
            await self._writer.drain()

    def begin_to_send(self, reply: dict[str, Any]) -> None:
        """Send a line before the next one, whether or not the client reads."""
        self._writer.write(encoded(reply))

    async def closed(self) -> None:
        """Return when the client closes; what it says meanwhile is not listened to."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(self._longest):
                pass

    def close(self) -> None:
        """Close without waiting: what the client has not read by now is its own loss."""
        transport = self._writer.transport
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            self._writer.close()


Serve = Callable[[LineStream, PeerCredentials, int], Awaitable[None]]
"""The client's lines, who it is, and how many connections its uid has, this one included."""


class LineServer:
    """Gives each connection a task of its own, while its context lasts.

    :param listener: a listening Unix socket; it is closed at the end
    :param longest: see :class:`LineStream`; so are the times
    """

    def __init__(
        self,
        listener: socket.socket,
        serve: Serve,
        *,
        longest: int,
        idle_s: float,
        write_s: float,
    ) -> None:
        self._listener = listener
        self._serve = serve
        self._longest = longest
        self._idle_s = idle_s
        self._write_s = write_s
        self._connections: set[asyncio.Task[None]] = set()
        self._by_uid: Counter[int] = Counter()
        self._seldom = Seldom()

    @contextlib.asynccontextmanager
    async def accepting(self) -> AsyncIterator[None]:
        """Accept connections while the context lasts; those that there are outlast it."""
        accepting = asyncio.create_task(self._accept(), name="accept")
        try:
            yield
        finally:
            accepting.cancel()
            await asyncio.wait({accepting})
            self._listener.close()

    async def end_connections(self) -> None:
        """Cut off all connections, and wait until they are cleaned up."""
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _accept(self) -> None:
        """Accept one after the other, for ever.

        Not ``asyncio.start_unix_server``: out of descriptors, that writes hundreds of tracebacks a
        second (cpython 3.11, selector_events.py).
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except ConnectionAbortedError:
                continue
            except OSError as exc:
                self._complain(exc)
                await asyncio.sleep(_RETRY_S)
                continue
            task = asyncio.create_task(self._guard(connection))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    def _complain(self, exc: OSError) -> None:
        if self._seldom.due(exc.errno, time.monotonic()):
            _log.error("a connection can't be served", reason=exc.strerror)

    async def _guard(self, connection: socket.socket) -> None:
        """Serve one client and clean up behind it; one connection never ends the program."""
        try:
            peer = peer_credentials(connection)
            reader, writer = await asyncio.open_unix_connection(
                sock=connection, limit=self._longest
            )
        except OSError as exc:
            connection.close()
            self._complain(exc)
            return
        except BaseException:  # cut off before it was let in
            connection.close()
            raise
        stream = LineStream(
            reader, writer, longest=self._longest, idle_s=self._idle_s, write_s=self._write_s
        )
        self._by_uid[peer.uid] += 1
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._serve(stream, peer, self._by_uid[peer.uid])
        except OSError as exc:
            self._complain(exc)
        except Exception:  # noqa: BLE001
            _log.exception("connection on the socket failed", peer_uid=peer.uid)
        finally:
            self._by_uid[peer.uid] -= 1
            if not self._by_uid[peer.uid]:
                del self._by_uid[peer.uid]
            stream.close()


def encoded(reply: dict[str, Any]) -> bytes:
    """One line of ASCII JSON: no terminal or log is upset by it."""
    return json.dumps(reply, separators=(",", ":")).encode() + b"\n"


def refusal(sentence: str, *, refused: bool = False) -> dict[str, Any]:
    """``{"ok":false,"error":"…"}``; ``refused`` is set where the caller is not served at all."""
    reply: dict[str, Any] = {"ok": False, "error": sentence}
    return reply | {"refused": True} if refused else reply
