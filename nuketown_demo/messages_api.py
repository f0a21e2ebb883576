"""A local server that speaks the Anthropic Messages API from a script.

The real claude CLI talks to it with ``ANTHROPIC_BASE_URL`` set to its ``url``: the demo without a
key, and the tests. Formats: platform.claude.com/docs/en/api/messages, …/messages-streaming and
…/errors. One request per connection; loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import itertools
import json
import socket
import struct
from collections.abc import Awaitable, Iterator
from types import TracebackType
from typing import Any, Self

from nuketown_demo.turns import Failure, ModelCall, Reply, Script, ToolUse, Turn

_BODY_LIMIT = 64 * 1024 * 1024
_READ_TIMEOUT_S = 30.0
_SECRETS = frozenset({"x-api-key", "authorization", "cookie"})
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_MESSAGES = {
    401: "invalid x-api-key",
    429: "This request would exceed your organization's rate limit.",
    500: "Internal server error",
    529: "Overloaded",
}


class MessagesApi:
    """The server; use as an async context manager.

    :param script: the turns to answer with, or a rule; calls that the harness makes for itself
        (:attr:`ModelCall.is_auxiliary`) are answered without it
    :param api_key: the only key that is let in; None: every caller is
    """

    def __init__(self, script: Script, *, api_key: str | None = None) -> None:
        self.requests: list[ModelCall] = []
        """The calls of the conversation so far, without the auxiliary ones."""
        self.auxiliary: list[ModelCall] = []
        self.refused: int = 0
        """Calls without the right key."""
        self.other_paths: list[str] = []
        """``METHOD path`` of everything else that was asked."""
        self._script = script
        self._turns: Iterator[Reply] = iter(()) if callable(script) else iter(script)
        self._api_key = api_key
        self._ids = itertools.count(1)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Value for ``ANTHROPIC_BASE_URL``."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            # A client that hangs up early is an ordinary end of a connection.
            with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
                await self._serve(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_READ_TIMEOUT_S):
            method, path, headers, body = await _read_request(reader)
        route = path.partition("?")[0]
        if method == "POST" and route == "/v1/messages/count_tokens":
            await _send_json(writer, 200, {"input_tokens": max(1, len(body) // 4)})
        elif method == "POST" and route == "/v1/messages":
            await self._message(writer, headers, json.loads(body))
        else:
            self.other_paths.append(f"{method} {path}")
            status = 200 if method == "HEAD" else 404
            await _send_json(writer, status, _error(404, f"no {route} here"), head=method == "HEAD")

    async def _message(
        self, writer: asyncio.StreamWriter, headers: dict[str, str], body: dict[str, Any]
    ) -> None:
        if not self._admits(headers):
            self.refused += 1
            await _send_failure(writer, Failure(401))
            return
        call = ModelCall(
            body=body,
            headers={name: value for name, value in headers.items() if name not in _SECRETS},
            credentials=_SECRETS & headers.keys(),
        )
        reply = await self._reply(call)
        if isinstance(reply, Failure):
            await _send_failure(writer, reply)
            return
        message = _message_body(reply, call.model, next(self._ids))
        if not body.get("stream"):
            await _send_json(writer, 200, message)
            return
        await _stream(writer, reply, message)

    def _admits(self, headers: dict[str, str]) -> bool:
        given = headers.get("x-api-key", "").encode()
        return self._api_key is None or hmac.compare_digest(given, self._api_key.encode())

    async def _reply(self, call: ModelCall) -> Reply:
        if call.is_auxiliary:
            self.auxiliary.append(call)
            return Turn(("A scripted conversation",), input_tokens=10, output_tokens=5)
        self.requests.append(call)
        if callable(self._script):
            reply = self._script(call)
            return await reply if isinstance(reply, Awaitable) else reply
        return next(self._turns, Failure(400, "the script has no further turn"))


async def _read_request(
    reader: asyncio.StreamReader,
) -> tuple[str, str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _BODY_LIMIT:
        raise ValueError(length)
    if headers.get("expect", "").lower() == "100-continue":
        raise ValueError("Expect")
    return method, path, headers, await reader.readexactly(length)


def _error(status: int, message: str = "") -> dict[str, Any]:
    kind = _ERROR_TYPES.get(status, "api_error")
    text = message or _MESSAGES.get(status, kind)
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_scripted"}


async def _send_failure(writer: asyncio.StreamWriter, failure: Failure) -> None:
    extra = [] if failure.retry_after_s is None else [f"retry-after: {failure.retry_after_s}"]
    await _send_json(writer, failure.status, _error(failure.status, failure.message), extra)


async def _send_json(
    writer: asyncio.StreamWriter,
    status: int,
    document: dict[str, Any],
    extra: list[str] | None = None,
    *,
    head: bool = False,
) -> None:
    body = json.dumps(document).encode()
    _write_head(
        writer, status, "application/json", [f"content-length: {len(body)}", *(extra or [])]
    )
    if not head:
        writer.write(body)
    await writer.drain()


def _write_head(
    writer: asyncio.StreamWriter, status: int, content_type: str, extra: list[str]
) -> None:
    lines = [
        f"HTTP/1.1 {status} Scripted",
        f"content-type: {content_type}",
        "connection: close",
        "request-id: req_scripted",
        *extra,
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())


def _message_body(turn: Turn, model: str, number: int) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for index, block in enumerate(turn.blocks):
        if isinstance(block, str):
            content.append({"type": "text", "text": block})
        else:
            name = f"toolu_scripted_{number:04}_{index}"
            content.append(
                {"type": "tool_use", "id": name, "name": block.name, "input": block.input}
            )
    return {
        "id": f"msg_scripted_{number:04}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": turn.ends_with,
        "stop_sequence": None,
        "usage": _usage(turn, turn.output_tokens),
    }


def _usage(turn: Turn, output_tokens: int) -> dict[str, int]:
    return {
        "input_tokens": turn.input_tokens,
        "cache_creation_input_tokens": turn.cache_write_tokens,
        "cache_read_input_tokens": turn.cache_read_tokens,
        "output_tokens": output_tokens,
    }


async def _stream(writer: asyncio.StreamWriter, turn: Turn, message: dict[str, Any]) -> None:
    # Without a length the body ends where the connection does (RFC 9112 §6.3), so a cut before
    # message_stop is what a failing network looks like.
    _write_head(writer, 200, "text/event-stream", ["cache-control: no-cache"])
    for number, event in enumerate(_events(turn, message)):
        if number == turn.cut_after:
            _reset(writer)
            return
        await asyncio.sleep(turn.delay_s)
        writer.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    # Without lingering the kernel sends a reset (socket(7), SO_LINGER), not an orderly end.
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _events(turn: Turn, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    opening = {**message, "content": [], "stop_reason": None}
    opening["usage"] = _usage(turn, 1)
    yield {"type": "message_start", "message": opening}
    yield {"type": "ping"}
    for index, (block, sent) in enumerate(zip(turn.blocks, message["content"], strict=True)):
        yield from _block_events(index, block, sent)
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": turn.output_tokens},
    }
    yield {"type": "message_stop"}


def _block_events(
    index: int, block: str | ToolUse, sent: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if isinstance(block, str):
        start: dict[str, Any] = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": part} for part in _parts(block)]
    else:
        start = {**sent, "input": {}}
        whole = json.dumps(block.input)
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in _parts(whole)]
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _parts(text: str, size: int = 200) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
