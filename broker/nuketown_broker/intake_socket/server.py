"""The socket of design §8: who is let in, and how many."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from nuketown_approval.line_server import LineServer, LineStream, refusal
from nuketown_approval.lines import LINE_LIMIT
from nuketown_approval.listening import check_directory, listening_socket
from nuketown_approval.peer import PeerCredentials
from nuketown_approval.seldom import Seldom
from nuketown_broker.broker import Broker
from nuketown_broker.intake_socket.callers import caller_of
from nuketown_broker.intake_socket.connection import Connection, Limits
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
        self._seldom = Seldom()

    async def __aenter__(self) -> Self:
        check_directory(self._path.parent, "the socket's directory")
        async with contextlib.AsyncExitStack() as stack:
            listener = stack.enter_context(
                listening_socket(self._path, open_to_all=True, program="nuketown-broker")
            )
            server = LineServer(
                listener,
                self._serve,
                longest=LINE_LIMIT,
                idle_s=self._limits.idle_s,
                write_s=self._limits.write_s,
            )
            stack.push_async_callback(server.end_connections)
            # Requests that wait are denied first, and their askers told.
            stack.push_async_callback(self._broker.stop)
            await stack.enter_async_context(server.accepting())
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

    async def _serve(self, stream: LineStream, peer: PeerCredentials, connections: int) -> None:
        """Let a client in if it is one of ours and not one too many."""
        most = self._limits.connections_of_root if peer.uid == 0 else self._limits.connections
        if connections > most:
            stream.begin_to_send(
                refusal(f"uid {peer.uid} has {most} connections already.", refused=True)
            )
            return
        caller = await caller_of(peer.uid, self._operations.configuration)
        if caller is not None:
            await Connection(self._operations, caller, stream).serve()
            return
        if self._seldom.due(peer.uid, time.monotonic()):
            log.warning("connection refused", peer_uid=peer.uid, peer_pid=peer.pid)
        stream.begin_to_send(
            refusal(
                f"this broker does not serve uid {peer.uid}: it serves root, the agents "
                "of its broker.toml and those who answer.",
                refused=True,
            )
        )
