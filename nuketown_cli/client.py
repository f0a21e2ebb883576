"""The client's side of the daemon's socket (docs/socket.md). Blocking, every wait bounded."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Iterator
from typing import Any, Self

from nuketown_approval.peer import peer_credentials
from nuketown_cli.discovery import AgentSocket
from nuketown_cli.errors import CommandError, ImpostorError, RefusedError, UnreachableError
from nuketown_cli.safe_text import safe_text

REPLY_LIMIT = 64 * 1024 * 1024
"""Longest reply line in bytes that is taken from a daemon."""
REQUEST_LIMIT = 256 * 1024
_CONNECT_S = 5.0
_REQUEST_S = 310.0  # a little more than the daemon takes at most


class Client:
    """A connection to one agent's daemon, whose credentials were checked before a word was said.

    :raises ImpostorError: (at construction) somebody else listens there
    :raises UnreachableError: nobody does
    """

    def __init__(self, target: AgentSocket, *, connect_s: float = _CONNECT_S) -> None:
        self.target = target
        self.label = target.label
        """How errors name it; set to the agent's own name once that is known."""
        self._received = bytearray()
        self._searched = 0
        """So many bytes of it are known to hold no newline."""
        self._socket = _connect(target, connect_s)
        try:
            server = peer_credentials(self._socket)
        except OSError as exc:
            self.close()
            raise UnreachableError(f"{target.label}: {target.path} is no usable socket.") from exc
        if server.uid != target.server_uid:
            self.close()
            raise ImpostorError(
                f"{target.label}: uid {server.uid} listens at {target.path}, where uid "
                f"{target.server_uid} should: nothing was sent; find out who put it there."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def fileno(self) -> int:
        """For select(2)."""
        return self._socket.fileno()

    def request(
        self, operation: dict[str, Any], *, timeout_s: float = _REQUEST_S
    ) -> dict[str, Any]:
        """Send one request and return its reply.

        :raises CommandError: the daemon said no
        :raises UnreachableError: it went away, or did not answer in time
        """
        line = json.dumps(operation, ensure_ascii=False).encode(errors="replace") + b"\n"
        if len(line) > REQUEST_LIMIT:
            raise CommandError(f"the request is longer than {REQUEST_LIMIT} bytes: shorten it.")
        self._socket.settimeout(timeout_s)
        with contextlib.suppress(OSError):  # a daemon that refuses us has said why, and closed
            self._socket.sendall(line)
        deadline = time.monotonic() + timeout_s
        reply = self._next_line(deadline)
        if reply is None:
            raise UnreachableError(
                f"{self.label}: the daemon closed the connection or did not answer: look "
                "at its log."
            )
        if reply.get("ok") is True:
            return reply
        sentence = safe_text(str(reply.get("error", "no reason given")), one_line=True)
        if reply.get("refused") is True:
            raise RefusedError(f"{self.label}: {sentence}")
        raise CommandError(f"{self.label}: {sentence}")

    def lines(self, timeout_s: float) -> Iterator[dict[str, Any]]:
        """Lines that are there or come within ``timeout_s`` seconds.

        :raises UnreachableError: the daemon closed
        """
        ready, _, _ = select.select([self], [], [], timeout_s)
        if ready and not self._receive():
            raise UnreachableError(f"{self.label}: the daemon went away.")
        while (line := self._take_line()) is not None:
            yield line

    def _next_line(self, deadline: float) -> dict[str, Any] | None:
        while (line := self._take_line()) is None:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            if time.monotonic() >= deadline or not self._receive():
                return None
        return line

    def _receive(self) -> bool:
        """Read what is there; False: the other side closed, failed or took too long."""
        try:
            data = self._socket.recv(256 * 1024)
        except OSError:
            return False
        self._received += data
        if len(self._received) > REPLY_LIMIT:
            raise CommandError(f"{self.label}: the daemon's reply is too long.")
        return bool(data)

    def _take_line(self) -> dict[str, Any] | None:
        end = self._received.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._received)
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        self._searched = 0
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise CommandError(f"{self.label}: the daemon's reply is not JSON.") from exc
        if not isinstance(value, dict):
            raise CommandError(f"{self.label}: the daemon's reply is not a JSON object.")
        return value


def _connect(target: AgentSocket, timeout_s: float) -> socket.socket:
    deadline = time.monotonic() + timeout_s
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(target.path))
        except (BlockingIOError, TimeoutError) as exc:  # its backlog is full
            connection.close()
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            raise UnreachableError(f"{target.label}: the daemon does not accept.") from exc
        except OSError as exc:
            connection.close()
            raise UnreachableError(_why_not(target, exc)) from exc
        return connection


def _why_not(target: AgentSocket, error: OSError) -> str:
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return (
            f"{target.label}: no daemon listens at {target.path}: start nuketown-daemon there "
            "(nuketown doctor tells more)."
        )
    return f"{target.label}: {target.path} can't be connected to ({error.strerror or error})."
