"""The broker's socket, from the side of the one who may not decide.

Everything here starts as a no: a yes is what is left when every comparison held.
"""

from __future__ import annotations

import os
import stat
import time
from _socket import AF_UNIX, MSG_PEEK, SO_PEERCRED, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET, socket

from nuketown_sudo import json_text
from nuketown_sudo.canonical import request_digest
from nuketown_sudo.errors import Refused, visible
from nuketown_sudo.ownership import only_these_can_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from nuketown_sudo.canonical import Request

_LINE_LIMIT = 256 * 1024
_CONNECT_S = 5.0
_REPLY_S = 10.0
_SILENCE_S = 0.5
_LATE_S = 2.0
"""How much longer than the request the broker may take to say that nobody answered."""


class Verdict:
    """What the broker said about one request."""

    __slots__ = ("approved", "confined", "reason")

    def __init__(self) -> None:
        self.approved = False
        self.confined = False
        """Run it in ``/``, without input and without a terminal."""
        self.reason = "the broker did not approve it"


class Broker:
    """One connection. Closing it withdraws what was asked."""

    def __init__(self, path: str, uid: int) -> None:
        """Connect, and look who listens before a byte is written.

        :param uid: the broker's user
        :raises Refused: nobody listens there, or somebody else does
        """
        owners = {0, uid}
        if not only_these_can_change(os.path.dirname(path), owners, kind=stat.S_IFDIR):
            raise Refused(
                f"the broker can't be asked: {os.path.dirname(path)} is missing, or others than "
                "root and the broker can change it"
            )
        self._socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        self._buffer = b""
        try:
            self._check_file(path, uid)
            self._socket.settimeout(_CONNECT_S)
            self._socket.connect(path)
            self._check_peer(uid)
        except OSError as exc:
            self.close()
            raise Refused(
                f"the broker can't be asked ({exc.strerror or exc}): is it running?"
            ) from exc
        except Refused:
            self.close()
            raise

    def close(self) -> None:
        """Withdraw what is still open."""
        self._socket.close()

    def call(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Send one operation and return its reply.

        :raises Refused: it was refused, or there is no reply
        """
        self._send(operation)
        reply = self._read(time.monotonic() + _REPLY_S)
        if reply.get("ok") is not True:
            raise Refused(_sentence(reply.get("error"), "the broker refused"))
        return reply

    def ask(
        self,
        request: Request,
        *,
        submit_uid: int,
        ask: bool,
        stdin_bytes: int | None,
        waiting: Callable[[str], None],
    ) -> Verdict:
        """Ask for ``request`` and wait for what is decided.

        :param ask: False: no human is asked
        :param waiting: called with the request's id when a human lets it wait
        :return: approved only if the verdict is about this very request and in time
        """
        verdict = Verdict()
        deadline = time.monotonic() + request["timeout"] + _LATE_S
        self._send(
            {
                "op": "request",
                "request": request,
                "submit_uid": submit_uid,
                "ask": ask,
                "stdin_bytes": stdin_bytes,
            }
        )
        if ask and not self._arrives(_SILENCE_S):
            waiting(request["id"])
        while True:
            reply = self._read(deadline)
            if "event" in reply:
                continue
            if reply.get("ok") is not True:
                verdict.reason = _sentence(reply.get("error"), verdict.reason)
                return verdict
            _judge(verdict, reply, request)
            return verdict

    def _check_file(self, path: str, uid: int) -> None:
        status = os.lstat(path)
        if not stat.S_ISSOCK(status.st_mode) or status.st_uid != uid:
            raise Refused(f"{path} is not a socket of the broker's user: nothing was asked")

    def _check_peer(self, uid: int) -> None:
        # struct ucred, unix(7): three native integers; of the one that called listen(2).
        ucred = self._socket.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)
        if memoryview(ucred).cast("I")[1] != uid:
            raise Refused("somebody else than the broker's user listens there: nothing was asked")

    def _send(self, operation: dict[str, Any]) -> None:
        line = json_text.write(operation).encode() + b"\n"
        if len(line) > _LINE_LIMIT:
            raise Refused("the request is longer than a line of the broker may be")
        try:
            self._socket.sendall(line)
        except OSError as exc:
            raise Refused(f"the broker went away ({exc.strerror or exc})") from exc

    def _arrives(self, within_s: float) -> bool:
        """Is there something to read (or the end) by then?"""
        self._socket.settimeout(within_s)
        try:
            self._socket.recv(1, MSG_PEEK)
        except OSError as exc:
            return not isinstance(exc, TimeoutError)
        return True

    def _read(self, deadline: float) -> dict[str, Any]:
        """The next line.

        :raises Refused: none in time, or it is no reply
        """
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Refused("nobody answered in time")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            except OSError as exc:
                raise Refused(f"the broker went away ({exc.strerror})") from exc
            if not data:
                raise Refused("the broker went away without an answer")
            self._buffer += data
            if len(self._buffer) > _LINE_LIMIT:
                raise Refused("the broker said something that is no answer")
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            reply = json_text.read(line.decode())
        except ValueError as exc:
            raise Refused("the broker said something that is no answer") from exc
        if not isinstance(reply, dict):
            raise Refused("the broker said something that is no answer")
        return reply


def _judge(verdict: Verdict, reply: dict[str, Any], request: Request) -> None:
    """Fill ``verdict`` from a reply; what is not exactly a yes to ``request`` leaves the no."""
    given = reply.get("verdict")
    if not isinstance(given, dict):
        return
    verdict.reason = _sentence(given.get("reason"), verdict.reason)
    if given.get("result") != "approved":
        return
    if (
        given.get("id") != request["id"]
        or given.get("digest") != request_digest(request)
        or given.get("expires") != request["expires"]
    ):
        verdict.reason = "the broker's answer was about something else: nothing was run"
        return
    if not time.time() < request["expires"]:
        verdict.reason = "the answer came too late: nothing was run"
        return
    verdict.confined = reply.get("confined") is not False
    verdict.approved = True


def _sentence(text: object, otherwise: str) -> str:
    """Words of the broker for the terminal; nothing in them acts on it."""
    if not isinstance(text, str) or not text:
        return otherwise
    return visible(text[:500])
