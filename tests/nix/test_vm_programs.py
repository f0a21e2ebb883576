"""The programs of the virtual machines' stories, tried here: where no story can be played."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from slixmpp.stanza import Message

from nuketown_demo.prosody import HOST, Prosody
from tests.conftest import Eventually
from tests.prosody_fixture import Account, Person

PROGRAMS = Path(__file__).parents[1] / "nixos-vm"


@asynccontextmanager
async def _running(*argv: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, *argv)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _said(person: Person) -> Message | None:
    """The newest message with words in it."""
    return next((one for one in reversed(person.messages) if one["body"]), None)


async def test_phone(tmp_path: Path, short_tmp: Path, eventually: Eventually) -> None:
    async with Prosody(short_tmp / "prosody", tls=True) as server:
        for name in ("josh", "ada"):
            await server.register(name, f"{name}-secret")
        arguments = (
            "--jid=josh@localhost/phone", "--password=josh-secret", f"--server={HOST}",
            f"--port={server.port}", f"--trust={server.certificate}", f"--directory={tmp_path}",
            "--priority=-1",
        )  # fmt: skip
        ada = Person(Account("ada@localhost", "ada-secret", server))
        async with _running(PROGRAMS / "phone.py", *arguments), ada:
            heard = tmp_path / "heard"
            await eventually(lambda: heard.exists() and "is online" in heard.read_text())
            with (tmp_path / "say").open("w") as say:
                say.write("ada@localhost\tmake /srv/x, please\n")
            first = await eventually(lambda: _said(ada))
            assert str(first["body"]) == "make /srv/x, please"
            ada.send_message(first["from"], "Done: it\nis there", mtype="chat")
            line = "ada@localhost\tDone: it is there"
            await eventually(lambda: line in heard.read_text().splitlines())
            with (tmp_path / "say").open("w") as say:
                say.write("ada@localhost\tthanks\n")
            await eventually(lambda: str(_said(ada)["body"]) == "thanks")


async def test_model(eventually: Eventually) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        return True

    asked = {"model": "m", "max_tokens": 9, "stream": True, "messages": [], "tools": []}
    async with _running(PROGRAMS / "model.py", str(port)):
        await eventually(listens)
        reader, writer = await asyncio.open_connection(HOST, port)
        body = json.dumps(asked).encode()
        writer.write(
            b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"event: message_stop" in answer
