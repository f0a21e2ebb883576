"""A broker that says what its file tells it: the other end of the root helper's tests.

``python sudo_broker.py SOCKET ANSWER SEEN``: ANSWER holds the next answers' kind, SEEN gets a line
of JSON for every operation, and one for every connection that ended before its answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from nuketown_approval.line_server import refusal
from nuketown_approval.lines import (
    LINE_LIMIT,
    OPERATION,
    Allowed,
    Revoke,
    Submit,
    VerdictReply,
    reply,
)
from nuketown_approval.verdict import Verdict

ANSWERS: dict[str, dict[str, Any]] = {
    "approve": {},
    "confine": {},
    "deny": {"result": "denied", "reason": "denied at the desk by josh, 14:02"},
    "other digest": {"digest": "0" * 64},
    "other id": {"id": "00000000"},
    "other expiry": {"expires": 1},
    "truthy": {"result": "approved "},
}


class Broker:
    def __init__(self, answer: Path, seen: Path) -> None:
        self._answer = answer
        self._seen = seen

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            operation = OPERATION.validate_json(line)
            self._note(operation.model_dump(mode="json", by_alias=True))
            match operation:
                case Submit():
                    await self._decide(operation, reader, writer)
                case Allowed():
                    await _send(writer, reply(pre_approved=["systemctl restart *"], grants=[]))
                case Revoke():
                    await _send(writer, reply())
                case _:
                    await _send(writer, refusal("that is not for this test"))
        writer.close()

    async def _decide(
        self, submit: Submit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = self._answer.read_text().strip()
        if answer == "garbage":
            writer.write(b'{"ok": true, "verdict": {"result": "approved"\n')
            return
        if answer == "no limit":
            writer.write(b"x" * (LINE_LIMIT * 4))
            return
        if answer == "vanish":
            writer.close()
            return
        if answer.startswith("wait"):
            closed = asyncio.create_task(reader.read(1))
            while not closed.done() and self._answer.read_text().strip() == answer:
                await asyncio.wait({closed}, timeout=0.01)
            if closed.done():
                self._note({"withdrawn": submit.request.id})
                return
            closed.cancel()
            answer = self._answer.read_text().strip()
        if answer == "only if asked" and not submit.ask:
            answer = "deny"
        verdict = Verdict.on(submit.request, "approved", "by the test")
        verdict = verdict.model_copy(update=ANSWERS.get(answer, {}))
        confined = answer == "confine"
        await _send(
            writer, VerdictReply(verdict=verdict, confined=confined).model_dump(mode="json")
        )

    def _note(self, what: dict[str, Any]) -> None:
        with self._seen.open("a") as file:
            file.write(json.dumps(what) + "\n")


async def _send(writer: asyncio.StreamWriter, what: dict[str, Any]) -> None:
    writer.write(json.dumps(what).encode() + b"\n")
    await writer.drain()


async def main(path: str, answer: str, seen: str) -> None:
    Path(path).unlink(missing_ok=True)
    broker = Broker(Path(answer), Path(seen))
    server = await asyncio.start_unix_server(broker.serve, path, limit=LINE_LIMIT)
    Path(path).chmod(0o666)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
