"""One client of the socket: its lines in, our lines out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from nuketown_approval.errors import ApprovalError, ApprovalProtocolError
from nuketown_approval.line_server import LineStream, refusal
from nuketown_approval.lines import (
    OPERATION,
    Operation,
    PendingEvent,
    Submit,
    VerdictReply,
    Watch,
)
from nuketown_broker.intake_socket.callers import Caller
from nuketown_broker.intake_socket.operations import Operations

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one client can hold of the broker. Durations in seconds."""

    connections: int = 32
    """Of one uid."""
    connections_of_root: int = 512
    """The root helper's are all agents' together."""
    idle_s: float = 60.0
    """Time for the next whole line; waiting for an answer and watching are not being idle."""
    write_s: float = 10.0
    """Time in which a client must read what is on its way to it, before it is cut off."""


class Connection:
    """A client whose credentials were accepted."""

    def __init__(self, operations: Operations, caller: Caller, stream: LineStream) -> None:
        self._operations = operations
        self._caller = caller
        self._stream = stream

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
            operation = parsed(line)
        except ApprovalProtocolError as exc:
            await self._stream.send(refusal(str(exc)))
            return True
        if isinstance(operation, (Submit, Watch)):
            await self._until_closed(operation)
            return False
        await self._stream.send(await self._reply_to(operation))
        return True

    async def _reply_to(self, operation: Operation) -> dict[str, Any]:
        try:
            return await self._operations.perform(operation, self._caller)
        except ApprovalError as exc:
            return refusal(str(exc))
        except Exception:  # a client's request never ends the broker
            log.exception("request on the socket failed", peer_uid=self._caller.uid)
            return refusal("the broker failed at this: its log says why.")

    async def _until_closed(self, operation: Submit | Watch) -> None:
        """Serve what takes its time; the client's closing ends it."""
        gone = asyncio.Event()
        listening = asyncio.create_task(self._closed(gone), name="listen")
        try:
            if isinstance(operation, Submit):
                await self._submit(operation, gone)
            else:
                await self._watch(gone)
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _closed(self, gone: asyncio.Event) -> None:
        await self._stream.closed()
        gone.set()

    async def _submit(self, operation: Submit, gone: asyncio.Event) -> None:
        def waits() -> None:
            event = {"event": "pending", "id": operation.request.id}
            self._stream.begin_to_send(event)

        try:
            outcome = await self._operations.submit(operation, self._caller, gone, waits)
        except ApprovalError as exc:
            await self._stream.send(refusal(str(exc)))
            return
        answer = VerdictReply(verdict=outcome.verdict, confined=outcome.confined)
        await self._stream.send(answer.model_dump(mode="json"))

    async def _watch(self, gone: asyncio.Event) -> None:
        """Stream events; a client that does not read loses some, then the connection."""
        leaving = asyncio.create_task(gone.wait(), name="watcher")
        try:
            with self._operations.watch(self._caller) as queue:
                await self._stream.send({"ok": True})
                for event in self._operations.pending_events(self._caller):
                    await self._stream.send(event.model_dump(mode="json"))
                while not gone.is_set():
                    event_or_none = await _next(queue, leaving)
                    if event_or_none is not None and self._operations.may_see(
                        self._caller, event_or_none.agent
                    ):
                        await self._stream.send(event_or_none.model_dump(mode="json"))
        finally:
            leaving.cancel()


async def _next(
    queue: asyncio.Queue[PendingEvent], leaving: asyncio.Task[Any]
) -> PendingEvent | None:
    event = asyncio.create_task(queue.get())
    try:
        await asyncio.wait({event, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not event.done():
            event.cancel()
    return event.result() if event.done() and not event.cancelled() else None


def parsed(line: bytes) -> Operation:
    """Read a line.

    :raises ApprovalProtocolError: it is no operation; one sentence says where
    """
    try:
        return OPERATION.validate_json(line)
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ApprovalProtocolError(
            f"the line is no request ({where + ': ' if where else ''}{problem['msg']})."
        ) from exc
