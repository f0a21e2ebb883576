"""The client's side of the broker's socket (docs/protocol.md). Every wait is bounded.

Before a word is said, the kernel tells who listens there: only the broker's own user is believed.
"""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from nuketown_approval.errors import (
    ApprovalProtocolError,
    ApprovalTimeout,
    ApprovalUnavailable,
)
from nuketown_approval.lines import PendingEvent, Submit, VerdictReply, Watch
from nuketown_approval.peer import peer_credentials
from nuketown_approval.request import ApprovalRequest

SOCKET = Path("/run/nuketown/broker/socket")
_LIMIT = 16 * 1024 * 1024
_CONNECT_S = 5.0
_REPLY_S = 20.0
_LATE_S = 5.0


class BrokerClient:
    """Speaks to the broker at ``path``; each call is a connection of its own.

    :param broker_uid: the broker's user; None: whoever owns the socket's directory, which must be
        root's or that user's alone to write
    """

    def __init__(self, path: Path = SOCKET, *, broker_uid: int | None = None) -> None:
        self.path = path
        self._broker_uid = broker_uid

    async def submit(
        self, request: ApprovalRequest, *, submit_uid: int | None = None, ask: bool = True
    ) -> VerdictReply:
        """Ask, and wait for the verdict; cancelling withdraws the request.

        The verdict is about this very request and in time; it may be a no.

        :raises ApprovalTimeout: no verdict in the request's time
        :raises ApprovalUnavailable: there is no broker to ask
        :raises ApprovalProtocolError: the broker does not take the request, or its answer is about
            another
        """
        operation = Submit(request=request, submit_uid=submit_uid, ask=ask)
        async with self._connected() as (reader, writer):
            try:
                async with asyncio.timeout(request.timeout + _LATE_S):
                    await _send(writer, operation)
                    line = await _reply(reader)
                    while "event" in line:
                        line = await _reply(reader)
            except TimeoutError as exc:
                raise ApprovalTimeout("the broker did not answer in time: denied.") from exc
        try:
            answer = VerdictReply.model_validate(_agreed(line))
        except ValidationError as exc:
            raise ApprovalProtocolError("the broker's answer is no verdict.") from exc
        verdict = answer.verdict
        if (verdict.id, verdict.digest, verdict.expires) != (
            request.id, request.request_digest, request.expires,
        ):  # fmt: skip
            raise ApprovalProtocolError("the broker's answer is about another request.")
        return answer

    async def call(self, operation: BaseModel) -> dict[str, Any]:
        """Perform any other operation and return its reply.

        :raises ApprovalUnavailable: there is no broker to ask
        :raises ApprovalProtocolError: it said no; its sentence says why
        """
        async with self._connected() as (reader, writer):
            try:
                async with asyncio.timeout(_REPLY_S):
                    await _send(writer, operation)
                    return _agreed(await _reply(reader))
            except TimeoutError as exc:
                raise ApprovalUnavailable("the broker did not answer.") from exc

    async def watch(self) -> AsyncIterator[PendingEvent]:
        """Requests that wait, as they come and go, until cancelled.

        :raises ApprovalUnavailable: there is no broker, or it went away
        """
        async with self._connected() as (reader, writer):
            await _send(writer, Watch())
            _agreed(await _reply(reader))
            while True:
                try:
                    yield PendingEvent.model_validate(await _reply(reader))
                except ValidationError as exc:
                    raise ApprovalProtocolError("the broker's line is no event.") from exc

    @asynccontextmanager
    async def _connected(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        expected = self._broker_uid
        if expected is None:
            expected = await asyncio.to_thread(_owner_of, self.path.parent)
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_unix_connection(str(self.path), limit=_LIMIT)
        except (OSError, TimeoutError) as exc:
            reason = getattr(exc, "strerror", None) or "it does not accept"
            raise ApprovalUnavailable(
                f"no broker can be asked at {self.path} ({reason}): start nuketown-broker."
            ) from exc
        try:
            peer = peer_credentials(cast("socket.socket", writer.get_extra_info("socket")))
            if peer.uid != expected:
                raise ApprovalUnavailable(
                    f"uid {peer.uid} listens at {self.path}, where the broker (uid {expected}) "
                    "should: nothing was sent."
                )
            yield reader, writer
        finally:
            writer.transport.abort()


def _owner_of(directory: Path) -> int:
    """Whose the directory is: nobody else can have put a socket there."""
    try:
        status = directory.lstat()
    except OSError as exc:
        raise ApprovalUnavailable(
            f"no broker can be asked: {directory} is not there ({exc.strerror})."
        ) from exc
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
        raise ApprovalUnavailable(
            f"no broker can be asked: others than its owner can change {directory}."
        )
    return status.st_uid


async def _send(writer: asyncio.StreamWriter, operation: BaseModel) -> None:
    line = operation.model_dump_json(by_alias=True, exclude_none=True)
    try:
        writer.write(line.encode() + b"\n")
        await writer.drain()
    except OSError:
        return  # a broker that refuses us has said why, and closed


async def _reply(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        line = await reader.readuntil(b"\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as exc:
        raise ApprovalUnavailable("the broker went away without an answer.") from exc
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ApprovalProtocolError("the broker's line is not JSON.") from exc
    if not isinstance(value, dict):
        raise ApprovalProtocolError("the broker's line is no object.")
    return value


def _agreed(line: dict[str, Any]) -> dict[str, Any]:
    if line.get("ok") is not True:
        raise ApprovalProtocolError(str(line.get("error", "the broker said no.")))
    return line
