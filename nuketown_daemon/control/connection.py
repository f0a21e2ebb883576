"""One client of the socket: its lines in, our lines out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from nuketown_approval.line_server import LineStream, refusal
from nuketown_approval.peer import PeerCredentials
from nuketown_daemon.control.contract import Control
from nuketown_daemon.control.protocol import (
    CancelOperation,
    HookOperation,
    Operation,
    StatusOperation,
    TaskOperation,
    TasksOperation,
    WatchOperation,
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
        stream: LineStream,
        limits: Limits,
        *,
        hooks_allowed: bool,
    ) -> None:
        self._control = control
        self._peer = peer
        self._stream = stream
        self._limits = limits
        self._hooks_allowed = hooks_allowed

    async def serve(self) -> None:
        """Answer line after line until the client closes.

        :raises ConnectionError: it is gone
        :raises TimeoutError: it has to be cut off
        """
        while line := await self._stream.read():
            if not await self._answer(line):
                return

    async def _answer(self, line: bytes) -> bool:
        """Answer one line; False: that was the last one."""
        try:
            operation = parse_request(line)
        except ProtocolError as exc:
            await self._stream.send(refusal(str(exc)))
            return True
        if isinstance(operation, WatchOperation):
            await self._watch()
            return False
        await self._stream.send(await self._reply_to(operation))
        return True

    async def _reply_to(self, operation: Operation) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._limits.request_s):
                return await self._perform(operation)
        except NuketownError as exc:
            return refusal(str(exc))
        except TimeoutError:
            return refusal("the daemon took too long: look at the tasks before trying again.")
        except Exception:  # noqa: BLE001  (a client's request never ends the daemon)
            _log.exception("request on the socket failed", peer_uid=self._peer.uid)
            return refusal("the daemon failed at this request: its log says why.")

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
            await self._stream.send(_ok())
            closed = asyncio.create_task(self._stream.closed())
            try:
                while not closed.done():
                    event = asyncio.create_task(queue.get())
                    try:
                        await asyncio.wait({event, closed}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not event.done():
                            event.cancel()
                    if event.done() and not event.cancelled():
                        await self._stream.send({"event": event_payload(event.result())})
            finally:
                closed.cancel()
                await asyncio.wait({closed})


def _ok(**values: Any) -> dict[str, Any]:
    return {"ok": True, **values}
