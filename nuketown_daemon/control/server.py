"""The daemon's local socket: who is let in, and how many (design §8)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Self, cast

import structlog

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.listening import listening_socket
from nuketown_approval.peer import PeerCredentials, peer_credentials
from nuketown_daemon.control.connection import Connection, Limits
from nuketown_daemon.control.contract import Control
from nuketown_daemon.control.location import SocketLocation
from nuketown_daemon.control.protocol import LINE_LIMIT, encode, error_reply
from nuketown_daemon.errors import ConfigError

_log = structlog.get_logger(__name__)
_LOOKUP_S = 5.0


class ControlServer:
    """Serves ``control`` at ``location`` while its context lasts; it listens once entered.

    :raises ConfigError: (entering) a daemon is already running there, or the place can't be used

    Served are the own uid, root, and ``location.human_user``, by SO_PEERCRED (unix(7)); anybody
    else gets one line and is closed before anything of theirs is parsed.
    """

    def __init__(
        self, control: Control, location: SocketLocation, *, limits: Limits | None = None
    ) -> None:
        self._control = control
        self._location = location
        self._limits = limits or Limits()
        self._own_uid = os.geteuid()
        self._stack = contextlib.AsyncExitStack()
        self._connections: set[asyncio.Task[None]] = set()
        self._by_uid: Counter[int] = Counter()
        self._closing = False

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            listener = stack.enter_context(self._listening())
            stack.push_async_callback(self._end_connections)
            server = await asyncio.start_unix_server(
                self._connected, sock=listener, limit=LINE_LIMIT
            )
            stack.callback(server.close)
            self._stack = stack.pop_all()
        _log.info("socket listens", path=str(self._location.path))
        return self

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        place, everybody = self._location.path, self._location.open_to_all
        try:
            with listening_socket(place, open_to_all=everybody, program="nuketown-daemon") as ours:
                yield ours
        except ApprovalConfigError as exc:
            raise ConfigError(str(exc)) from exc

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _end_connections(self) -> None:
        self._closing = True
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
            peer = peer_credentials(_socket_of(writer))
        except OSError:
            writer.transport.abort()
            return
        self._by_uid[peer.uid] += 1
        try:
            refusal = await self._refusal(peer)
            if refusal:
                writer.write(encode(error_reply(refusal, refused=True)))
                return
            hooks_allowed = peer.uid == self._own_uid
            await Connection(
                self._control, peer, reader, writer, self._limits, hooks_allowed=hooks_allowed
            ).serve()
        except Exception:  # noqa: BLE001  (one connection never ends the daemon)
            _log.exception("connection on the socket failed", peer_uid=peer.uid)
        finally:
            self._by_uid[peer.uid] -= 1
            if not self._by_uid[peer.uid]:
                del self._by_uid[peer.uid]
            _close(writer)

    async def _refusal(self, peer: PeerCredentials) -> str | None:
        if self._by_uid[peer.uid] > self._limits.connections_per_uid:
            return (
                f"uid {peer.uid} has {self._limits.connections_per_uid} connections to this "
                "daemon already: close some."
            )
        if peer.uid in (self._own_uid, 0):
            return None
        if peer.uid == await _uid_of(self._location.human_user):
            return None
        _log.warning("connection refused", peer_uid=peer.uid, peer_pid=peer.pid)
        return (
            f"this daemon does not serve uid {peer.uid}: it serves its own user, root and the "
            "human_user of its daemon.toml."
        )


def _socket_of(writer: asyncio.StreamWriter) -> socket.socket:
    # asyncio hands out a TransportSocket, which has getsockopt and stands for the real one.
    return cast("socket.socket", writer.get_extra_info("socket"))


async def _uid_of(user: str | None) -> int | None:
    """Uid of an account, asked for anew each time: accounts come and go (getpwnam(3))."""
    if user is None:
        return None
    with contextlib.suppress(KeyError, TimeoutError):
        async with asyncio.timeout(_LOOKUP_S):
            return (await asyncio.to_thread(pwd.getpwnam, user)).pw_uid
    return None


def _close(writer: asyncio.StreamWriter) -> None:
    """Close without waiting: what the client has not read by now is its own loss."""
    transport = writer.transport
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        writer.close()
