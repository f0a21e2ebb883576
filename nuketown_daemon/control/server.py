"""The daemon's local socket: who is let in, and how many (design §8)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import structlog

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.line_server import LineServer, LineStream, refusal
from nuketown_approval.listening import listening_socket
from nuketown_approval.peer import PeerCredentials
from nuketown_approval.seldom import Seldom
from nuketown_daemon.control.connection import Connection, Limits
from nuketown_daemon.control.contract import Control
from nuketown_daemon.control.location import SocketLocation
from nuketown_daemon.control.protocol import LINE_LIMIT
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
        self._seldom = Seldom()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            listener = stack.enter_context(self._listening())
            server = LineServer(
                listener,
                self._serve,
                longest=LINE_LIMIT,
                idle_s=self._limits.idle_s,
                write_s=self._limits.write_s,
            )
            stack.push_async_callback(server.end_connections)
            await stack.enter_async_context(server.accepting())
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

    async def _serve(self, stream: LineStream, peer: PeerCredentials, connections: int) -> None:
        """Let a client in if it is one of ours and not one too many."""
        why = await self._why_not(peer, connections)
        if why:
            stream.begin_to_send(refusal(why, refused=True))
            return
        hooks_allowed = peer.uid == self._own_uid
        await Connection(
            self._control, peer, stream, self._limits, hooks_allowed=hooks_allowed
        ).serve()

    async def _why_not(self, peer: PeerCredentials, connections: int) -> str | None:
        if connections > self._limits.connections_per_uid:
            return (
                f"uid {peer.uid} has {self._limits.connections_per_uid} connections to this "
                "daemon already: close some."
            )
        if peer.uid in (self._own_uid, 0):
            return None
        if peer.uid == await _uid_of(self._location.human_user):
            return None
        if self._seldom.due(peer.uid, time.monotonic()):
            _log.warning("connection refused", peer_uid=peer.uid, peer_pid=peer.pid)
        return (
            f"this daemon does not serve uid {peer.uid}: it serves its own user, root and the "
            "human_user of its daemon.toml."
        )


async def _uid_of(user: str | None) -> int | None:
    """Uid of an account, asked for anew each time: accounts come and go (getpwnam(3))."""
    if user is None:
        return None
    with contextlib.suppress(KeyError, TimeoutError):
        async with asyncio.timeout(_LOOKUP_S):
            return (await asyncio.to_thread(pwd.getpwnam, user)).pw_uid
    return None
