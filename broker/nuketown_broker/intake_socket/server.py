"""The socket of design §8: who is let in, and how many."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import structlog

from nuketown_approval.lines import LINE_LIMIT
from nuketown_approval.listening import check_directory, listening_socket
from nuketown_approval.peer import PeerCredentials, peer_credentials
from nuketown_broker.broker import Broker
from nuketown_broker.intake_socket.callers import Caller, caller_of
from nuketown_broker.intake_socket.connection import Connection, Limits, encoded, refused
from nuketown_broker.intake_socket.operations import Operations

log = structlog.get_logger(__name__)


class IntakeSocket:
    """Serves ``broker`` at ``path`` while its context lasts; it listens once entered.

    :raises ApprovalConfigError: (entering) a broker is already running there, or its directory is
        not this user's alone to write

    Served are agents' uids, root, and those who answer, by SO_PEERCRED (unix(7)); anybody else gets
    one line and is closed before anything of theirs is parsed.
    """

    def __init__(
        self,
        broker: Broker,
        operations: Operations,
        path: Path,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._broker = broker
        self._operations = operations
        self._path = path
        self._limits = limits or Limits()
        self._stack = contextlib.AsyncExitStack()
        self._connections: set[asyncio.Task[None]] = set()
        self._by_uid: Counter[int] = Counter()
        self._closing = False

    async def __aenter__(self) -> Self:
        check_directory(self._path.parent, "the socket's directory")
        async with contextlib.AsyncExitStack() as stack:
            listener = stack.enter_context(
                listening_socket(self._path, open_to_all=True, program="nuketown-broker")
            )
            stack.push_async_callback(self._end_connections)
            server = await asyncio.start_unix_server(
                self._connected, sock=listener, limit=LINE_LIMIT
            )
            stack.callback(server.close)
            self._stack = stack.pop_all()
        log.info("socket listens", path=str(self._path))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _end_connections(self) -> None:
        """Requests that wait are denied first, and their askers told."""
        self._closing = True
        await self._broker.stop()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closing:  # accepted just before the listener was closed
            writer.transport.abort()
            return
        task = asyncio.create_task(self._guard(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _guard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let a client in if it is one of ours and not one too many, and clean up behind it."""
        try:
            # asyncio hands out a TransportSocket, which has getsockopt and stands for the real one.
            peer = peer_credentials(cast("socket.socket", writer.get_extra_info("socket")))
        except OSError:
            writer.transport.abort()
            return
        self._by_uid[peer.uid] += 1
        try:
            caller = await self._caller(peer, writer)
            if caller is not None:
                await Connection(self._operations, caller, reader, writer, self._limits).serve()
        except Exception:  # one connection never ends the broker
            log.exception("connection on the socket failed", peer_uid=peer.uid)
        finally:
            self._by_uid[peer.uid] -= 1
            if not self._by_uid[peer.uid]:
                del self._by_uid[peer.uid]
            _close(writer)

    async def _caller(self, peer: PeerCredentials, writer: asyncio.StreamWriter) -> Caller | None:
        most = self._limits.connections_of_root if peer.uid == 0 else self._limits.connections
        if self._by_uid[peer.uid] > most:
            writer.write(encoded(refused(f"uid {peer.uid} has {most} connections already.")))
            return None
        caller = await caller_of(peer.uid, self._operations.configuration)
        if caller is None:
            log.warning("connection refused", peer_uid=peer.uid, peer_pid=peer.pid)
            writer.write(
                encoded(
                    refused(
                        f"this broker does not serve uid {peer.uid}: it serves root, the agents "
                        "of its broker.toml and those who answer."
                    )
                )
            )
        return caller


def _close(writer: asyncio.StreamWriter) -> None:
    """Close without waiting: what the client has not read by now is its own loss."""
    transport = writer.transport
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        writer.close()
