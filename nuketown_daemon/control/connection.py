"""One client of the socket: its lines in, our lines out."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import structlog

from nuketown_approval.peer import PeerCredentials
from nuketown_daemon.control.contract import Control
from nuketown_daemon.control.protocol import (
    LINE_LIMIT,
    CancelOperation,
    HookOperation,
    Operation,
    StatusOperation,
    TaskOperation,
    TasksOperation,
    WatchOperation,
    encode,
    error_reply,
    event_payload,
    listed_task_payload,
    parse_request,
    task_payload,
)
from nuketown_daemon.errors import NuketownError, ProtocolError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one client can hold of the daemon. Durations in seconds."""

    connections_per_uid: int = 32
    idle_s: float = 300.0
    """Time for the next whole line; watching is not being idle."""
    write_s: float = 30.0
    """Time in which a client must read what is on its way to it, before it is cut off."""
    request_s: float = 300.0
    """Time for one request: understanding a sentence may take a model call."""


class Connection:
    """A client whose credentials were accepted."""

    def __init__(
        self,
        control: Control,
        peer: PeerCredentials,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: Limits,
        *,
        hooks_allowed: bool,
    ) -> None:
        self._control = control
        self._peer = peer
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._hooks_allowed = hooks_allowed
        # Nothing piles up here for a client that does not read: each line waits for the one before.
        writer.transport.set_write_buffer_limits(high=0)

    async def serve(self) -> None:
        """Answer line after line until the client closes, or has to be cut off."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while line := await self._read_line():
                if not await self._answer(line):
                    return

    async def _read_line(self) -> bytes:
        """The next line; empty at the end, and after a line that is too long."""
        try:
            async with asyncio.timeout(self._limits.idle_s):
                return await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as exc:
            if exc.partial.strip():
                await self._send(error_reply("the last line does not end: finish it by a newline."))
        except asyncio.LimitOverrunError:
            # Where the next line begins can't be known without reading all of this one.
            await self._send(error_reply(f"the line is longer than {LINE_LIMIT} bytes."))
        return b""

    async def _answer(self, line: bytes) -> bool:
        """Answer one line; False: that was the last one."""
        try:
            operation = parse_request(line)
        except ProtocolError as exc:
            await self._send(error_reply(str(exc)))
            return True
        if isinstance(operation, WatchOperation):
            await self._watch()
            return False
        await self._send(await self._reply_to(operation))
        return True

    async def _reply_to(self, operation: Operation) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._limits.request_s):
                return await self._perform(operation)
        except NuketownError as exc:
            return error_reply(str(exc))
        except TimeoutError:
            return error_reply("the daemon took too long: look at the tasks before trying again.")
        except Exception:  # noqa: BLE001  (a client's request never ends the daemon)
            _log.exception("request on the socket failed", peer_uid=self._peer.uid)
            return error_reply("the daemon failed at this request: its log says why.")

    async def _perform(self, operation: Operation) -> dict[str, Any]:
        control, uid = self._control, self._peer.uid
        match operation:
            case TaskOperation():
                return _ok(task=task_payload(await control.submit(operation.submission, uid)))
            case StatusOperation():
                status = await control.status()
                payload = status.model_dump(mode="json", exclude={"current"})
                current = None if status.current is None else listed_task_payload(status.current)
                return _ok(status=payload | {"current": current})
            case TasksOperation(limit=limit):
                return _ok(tasks=[listed_task_payload(t) for t in await control.tasks(limit)])
            case CancelOperation(id=task_id):
                return _ok(task=task_payload(await control.cancel(task_id, uid)))
            case HookOperation(report=report):
                if not self._hooks_allowed:
                    raise ProtocolError(
                        f"hook reports are taken from the agent's own user only: you are uid {uid}."
                    )
                await control.hook(report)
                return _ok()
        raise ProtocolError("this request can't be answered here.")

    async def _watch(self) -> None:
        """Stream events; a client that does not read loses some, then the connection."""
        with self._control.watch() as queue:
            await self._send(_ok())
            closed = asyncio.create_task(self._closed())
            try:
                while not closed.done():
                    event = asyncio.create_task(queue.get())
                    try:
                        await asyncio.wait({event, closed}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not event.done():
                            event.cancel()
                    if event.done() and not event.cancelled():
                        await self._send({"event": event_payload(event.result())})
            finally:
                closed.cancel()
                await asyncio.wait({closed})

    async def _closed(self) -> None:
        """Return when the client closes; what it says while it watches is not listened to."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(LINE_LIMIT):
                pass

    async def _send(self, reply: dict[str, Any]) -> None:
        self._writer.write(encode(reply))
        async with asyncio.timeout(self._limits.write_s):
            await self._writer.drain()


def _ok(**values: Any) -> dict[str, Any]:
    return {"ok": True, **values}
