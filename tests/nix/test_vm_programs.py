"""The programs of the virtual machines' stories, tried here: where no story can be played."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
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


@pytest.mark.nix
@pytest.mark.parametrize(
    ("story", "machines"),
    [
        ("device", ["attic", "server"]),
        ("ephemeral-home", ["desk"]),
        ("prosody-routing", ["attic", "desk", "server"]),
        ("sudo-approval", ["classic", "rust"]),
        ("workstation", ["desk"]),
    ],
)
def test_script_knows_the_driver(tmp_path: Path, story: str, machines: list[str]) -> None:
    """What is called exists and takes these arguments: by the driver's own types."""
    found = subprocess.run(
        ["nix-instantiate", "--find-file", "nixpkgs"], capture_output=True, text=True, check=True
    )
    library = Path(found.stdout.strip()) / "nixos/lib"
    script = tmp_path / "script.py"
    script.write_text(
        (library / "test-script-prepend.py").read_text()
        + "".join(f"{name}: QemuMachine = create_fake_qemu_machine()\n" for name in machines)
        + (PROGRAMS / "common.py").read_text()
        + (PROGRAMS / f"{story}.py").read_text().replace("# ruff: noqa: F821", "#")
    )
    for argv in (
        ["mypy", "--ignore-missing-imports", "--follow-imports=silent", "--no-incremental",
         "--check-untyped-defs", "--config-file=", script],
        ["ruff", "check", "--isolated", "--no-cache", "--select", "F", script],
    ):  # fmt: skip
        ran = subprocess.run(
            [sys.executable, "-m", *argv],
            cwd=tmp_path,
            env=os.environ | {"MYPYPATH": str(library / "test-driver/src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
