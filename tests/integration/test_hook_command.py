import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuketown_daemon.configuration import Configuration, Identity
from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.session import hook_command
from nuketown_daemon.session.conversation import Conversation, ConversationStore, Turn
from nuketown_daemon.session.interactive import InteractiveSession

SESSION = "11111111-2222-4333-8444-555555555555"
STOP = {"session_id": SESSION, "hook_event_name": "Stop", "last_assistant_message": "Ünd fertig."}


class Daemon:
    """What listens on the socket: notes requests and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[dict[str, object]] = []
        self.reply: bytes | None = b'{"ok": true}\n'

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(json.loads(await reader.readline()))
        if self.reply is None:
            await reader.read()  # silent until the other side gives up
        else:
            writer.write(self.reply)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def daemon(short_tmp: Path) -> AsyncIterator[Daemon]:
    listening = Daemon()
    server = await asyncio.start_unix_server(
        listening.serve, str(short_tmp / "s"), limit=256 * 1024
    )
    async with server:
        yield listening


async def run(directory: Path, data: bytes, cwd: Path | None = None) -> float:
    """Run the hook as Claude Code does; return how long it took, in seconds."""
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", hook_command.__file__,
        "--socket", str(directory / "s"), "--spool", str(directory / "spool"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, cwd=cwd,
    )  # fmt: skip
    output, errors = await process.communicate(data)
    assert (process.returncode, output, errors) == (0, b"", b"")
    return time.monotonic() - begun


def spooled(directory: Path) -> list[Path]:
    return sorted((directory / "spool").iterdir()) if (directory / "spool").exists() else []


async def test_a_report_reaches_the_daemon(short_tmp: Path, daemon: Daemon) -> None:
    running = [{"id": "b1", "type": "shell", "description": "x" * 300}, {"id": 7}, "?"]
    report = {**STOP, "unknown": {"x": 1}, "background_tasks": running}
    await run(short_tmp, json.dumps(report).encode())
    known = {**STOP, "background_tasks": [{"id": "b1", "description": "x" * 200}]}
    assert daemon.requests == [{"op": "hook", "report": known}]
    assert not spooled(short_tmp)


async def test_a_refusal_is_an_answer_and_not_kept(short_tmp: Path, daemon: Daemon) -> None:
    daemon.reply = b'{"ok": false, "error": "No such session."}\n'
    await run(short_tmp, json.dumps(STOP).encode())
    assert not spooled(short_tmp)


@pytest.mark.fault
async def test_a_silent_daemon_holds_claude_up_for_less_than_two_seconds(
    short_tmp: Path, daemon: Daemon
) -> None:
    daemon.reply = None
    assert await run(short_tmp, json.dumps(STOP).encode()) < 2
    assert len(spooled(short_tmp)) == 1


@pytest.mark.fault
async def test_with_the_daemon_away_reports_are_kept_in_order_and_private(short_tmp: Path) -> None:
    for event in ("UserPromptSubmit", "Stop"):
        await run(short_tmp, json.dumps({**STOP, "hook_event_name": event}).encode())
    files = spooled(short_tmp)
    names = [json.loads(file.read_text())["hook_event_name"] for file in files]
    assert names == ["UserPromptSubmit", "Stop"]
    assert all(file.suffix == ".json" and file.stat().st_mode & 0o077 == 0 for file in files)
    assert (short_tmp / "spool").stat().st_mode & 0o077 == 0


@pytest.mark.attack
@pytest.mark.parametrize(
    "data",
    [b"", b"not json", b"\xff\xfe", b"[]", b"null", b'{"session_id": 5}', b"[" * 100_000,
     b'{"session_id": "s", "prompt": "' + b"x" * (9 * 1024 * 1024) + b'"}'],
    ids=["empty", "text", "bytes", "list", "null", "number", "deep", "huge"],
)  # fmt: skip
async def test_hostile_input_is_dropped(short_tmp: Path, daemon: Daemon, data: bytes) -> None:
    await run(short_tmp, data)
    assert daemon.requests == []
    assert not spooled(short_tmp)


async def test_long_fields_are_cut_to_what_a_line_may_hold(short_tmp: Path, daemon: Daemon) -> None:
    long = "ü" * 500_000
    await run(short_tmp, json.dumps({**STOP, "prompt": long, "message": long}).encode())
    assert len(json.dumps(daemon.requests[0]["report"], ensure_ascii=False).encode()) < 200_000


@pytest.mark.attack
@pytest.mark.systemd  # for root, who can be another user
async def test_a_socket_of_another_user_is_told_nothing(short_tmp: Path) -> None:
    code = (
        "import os,socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); "
        "os.chmod(sys.argv[1],0o777); os.setuid(65534); s.listen(); print('up',flush=True); "
        "c,_=s.accept(); print(len(c.recv(100)),flush=True)"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(short_tmp / "s"), stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    await other.stdout.readline()
    await run(short_tmp, json.dumps(STOP).encode())
    assert await other.stdout.readline() == b"0\n"
    await other.wait()
    assert len(spooled(short_tmp)) == 1


@pytest.mark.attack
async def test_a_clone_can_not_slip_a_module_in(short_tmp: Path, daemon: Daemon) -> None:
    clone = short_tmp / "clone"
    clone.mkdir()
    for name in ("json", "socket", "sitecustomize"):
        (clone / f"{name}.py").write_text("open('ran', 'w')")
    await run(short_tmp, json.dumps(STOP).encode(), cwd=clone)
    assert not (clone / "ran").exists()
    assert len(daemon.requests) == 1


@pytest.fixture
def session(short_tmp: Path) -> InteractiveSession:
    known = Conversation(SESSION, "hello", "/w")
    known.begin(1, "text")
    known.hand_over()
    known.apply(HookReport(session_id=SESSION, hook_event_name="UserPromptSubmit", prompt="text"))
    ConversationStore(short_tmp / "sessions").save(known)
    configuration = Configuration(identity=Identity(name="ada", home=short_tmp))
    return InteractiveSession(configuration, short_tmp, short_tmp / "s")


@pytest.mark.fault
async def test_what_was_kept_is_read_at_the_start_once(
    short_tmp: Path, session: InteractiveSession
) -> None:
    await run(short_tmp, json.dumps(STOP).encode())
    (short_tmp / "spool").rename(short_tmp / "hooks")
    for name, content in (("0-bad", "{"), ("1-list", "[]"), ("2-big", '"' + "x" * 2_000_000)):
        (short_tmp / f"hooks/{name}.json").write_text(content)
    await session.drain_spool()
    assert list((short_tmp / "hooks").iterdir()) == []
    saved = ConversationStore(short_tmp / "sessions").load()["hello"]
    assert (saved.turn, saved.message) == (Turn.ENDED, "Ünd fertig.")


@pytest.mark.attack
@pytest.mark.parametrize("session_id", ["", "../../x", "hello", "11111111"])
async def test_a_report_of_no_session_of_ours_changes_nothing(
    short_tmp: Path, session: InteractiveSession, session_id: str
) -> None:
    before = {path: path.read_bytes() for path in short_tmp.rglob("*") if path.is_file()}
    await session.hook(HookReport(session_id=session_id, hook_event_name="Stop"))
    assert {path: path.read_bytes() for path in short_tmp.rglob("*") if path.is_file()} == before
