"""The daemon's socket: what it answers, and how it starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import resource
import socket
import stat
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nuketown_daemon.control.connection import Limits
from nuketown_daemon.control.location import SocketLocation
from nuketown_daemon.control.server import ControlServer
from nuketown_daemon.errors import ConfigError
from tests.memory_daemon import MemoryControl, daemon


class Line:
    """A client that speaks lines and waits for each answer."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> dict:
        async with asyncio.timeout(10):
            return json.loads(await self.reader.readline())

    async def ask(self, **operation) -> dict:
        await self.say(json.dumps(operation).encode() + b"\n")
        return await self.hear()

    async def at_end(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


def hung_up(client: socket.socket) -> bool:
    """Has the server closed? What came before is read."""
    try:
        while client.recv(2**20):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


@asynccontextmanager
async def connected(path: Path):
    reader, writer = await asyncio.open_unix_connection(path, limit=2**24)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


@pytest.fixture
def control() -> MemoryControl:
    return MemoryControl()


@pytest.fixture
def location(short_tmp: Path) -> SocketLocation:
    return SocketLocation(short_tmp / "daemon.sock", open_to_all=False)


async def test_a_task_from_submission_to_its_end(control, location):
    async with (
        ControlServer(control, location),
        connected(location.path) as watcher,
        connected(location.path) as client,
    ):
        assert await watcher.ask(op="watch") == {"ok": True}
        reply = await client.ask(op="task", project="hello", prompt="add a LICENSE file")
        assert reply["ok"] is True
        assert reply["task"]["id"] == 1
        assert reply["task"]["request"]["requester"] == f"uid:{os.geteuid()}"
        assert reply["task"]["title"] == "add a LICENSE file"
        states = []
        while "done" not in states:
            event = (await watcher.hear())["event"]
            if event["kind"] == "task":
                states.append(event["task"]["state"])
        assert states == ["queued", "preparing", "running", "done"]
        assert (await client.ask(op="status"))["status"]["status"] == "Ready"
        tasks = (await client.ask(op="tasks", limit=5))["tasks"]
        assert [task["state"] for task in tasks] == ["done"]


async def test_cancel_and_a_daemons_own_error(control, location):
    async with ControlServer(control, location), connected(location.path) as client:
        assert await client.ask(op="cancel") == {
            "ok": False,
            "error": "nothing is running: name a task.",
        }
        await client.ask(op="task", project="hello", prompt="wait")
        reply = await client.ask(op="cancel", id=1)
        assert reply["task"]["state"] == "cancelled"


async def test_unexpected_errors_keep_their_details(control, location):
    async with ControlServer(control, location), connected(location.path) as client:
        reply = await client.ask(op="task", project="hello", prompt="crash")
        assert reply == {
            "ok": False,
            "error": "the daemon failed at this request: its log says why.",
        }
        assert (await client.ask(op="status"))["ok"] is True


async def test_hook_reports_arrive(control, location):
    report = {"session_id": "s", "hook_event_name": "Stop", "last_assistant_message": "done"}
    async with ControlServer(control, location), connected(location.path) as client:
        assert await client.ask(op="hook", report=report) == {"ok": True}
    assert control.hooks[0].last_assistant_message == "done"


async def test_lines_that_are_none_of_ours_keep_the_connection(control, location):
    async with ControlServer(control, location), connected(location.path) as client:
        for data in (b"\xff\xfe\n", b"{\n", b"\n", b'{"op":"nothing"}\n', b"[]\n"):
            await client.say(data)
            reply = await client.hear()
            assert reply["ok"] is False, data
            assert reply["error"].endswith("."), data
        assert (await client.ask(op="status"))["ok"] is True


async def test_a_pipe_that_closes_its_writing_side_gets_its_answer(control, location):
    async with ControlServer(control, location), connected(location.path) as client:
        client.writer.write(b'{"op":"status"}\n')
        client.writer.write_eof()
        assert (await client.hear())["ok"] is True
        assert await client.at_end()


async def test_a_line_without_an_end(control, location):
    async with ControlServer(control, location), connected(location.path) as client:
        client.writer.write(b'{"op":"status"}')
        client.writer.write_eof()
        assert "newline" in (await client.hear())["error"]


@pytest.mark.attack
async def test_a_megabyte_line_is_refused_and_cut_off(control, location):
    async with ControlServer(control, location), connected(location.path) as client:
        client.writer.write(b"x" * 2**20)
        assert "longer than 262144 bytes" in (await client.hear())["error"]
        async with connected(location.path) as other:
            assert (await other.ask(op="status"))["ok"] is True


async def test_the_longest_line_is_taken(control, location):
    async with ControlServer(control, location), connected(location.path) as client:
        line = b'{"op":"status"}'
        await client.say(line + b" " * (256 * 1024 - len(line) - 1) + b"\n")
        assert (await client.hear())["ok"] is True


@pytest.mark.attack
async def test_a_thousand_connections(control, location, eventually):
    limits = Limits(connections_per_uid=8)
    async with ControlServer(control, location, limits=limits):
        served, refused = [], 0
        clients = []
        for _ in range(1000):
            reader, writer = await asyncio.open_unix_connection(location.path)
            clients.append(Line(reader, writer))
            if len(clients) > 8:
                reply = await clients[-1].hear()
                assert reply["refused"] is True
                assert "8 connections" in reply["error"]
                refused += 1
                writer.close()
            else:
                served.append(clients[-1])
        assert refused == 992
        for client in served:
            assert (await client.ask(op="status"))["ok"] is True
            client.writer.close()

        async def free() -> bool:
            async with connected(location.path) as client:
                return (await client.ask(op="status"))["ok"] is True

        assert await eventually(free)


@pytest.mark.fault
async def test_without_descriptors_it_says_so_once_and_goes_on_afterwards(
    control, location, eventually
):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with ControlServer(control, location):
        with socket.socket(socket.AF_UNIX) as waiting, capture_logs() as records:
            waiting.setblocking(False)  # noqa: FBT003
            resource.setrlimit(resource.RLIMIT_NOFILE, (_next_descriptor(), hard))
            try:
                waiting.connect(str(location.path))
                await eventually(lambda: records)
                await asyncio.sleep(0.3)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert [record["event"] for record in records] == ["a connection can't be served"]
            waiting.send(b'{"op":"status"}\n')
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(5):
                assert json.loads(await loop.sock_recv(waiting, 2**16))["ok"] is True


def _next_descriptor() -> int:
    descriptor = os.open("/dev/null", os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@pytest.mark.attack
async def test_a_watcher_that_does_not_read_is_cut_off_and_blocks_nobody(
    control, location, eventually
):
    limits = Limits(write_s=0.3)
    async with ControlServer(control, location, limits=limits):
        with socket.socket(socket.AF_UNIX) as lazy:
            lazy.setblocking(False)  # noqa: FBT003
            lazy.connect(str(location.path))
            lazy.send(b'{"op":"watch"}\n')
            await eventually(lambda: control.events._subscribers)
            for _ in range(5):
                for _ in range(2000):
                    control.publish("progress", "x" * 1000)
                async with connected(location.path) as client:
                    assert (await client.ask(op="status"))["ok"] is True
            await eventually(lambda: not control.events._subscribers)
            await eventually(lambda: hung_up(lazy))


async def test_a_watcher_that_closes_is_forgotten(control, location, eventually):
    async with ControlServer(control, location):
        async with connected(location.path) as watcher:
            await watcher.ask(op="watch")
            await watcher.say(b"is anybody there?\n")
            assert len(control.events._subscribers) == 1
        await eventually(lambda: not control.events._subscribers)


async def test_idle_connections_end(control, location):
    limits = Limits(idle_s=0.1)
    async with ControlServer(control, location, limits=limits), connected(location.path) as client:
        await client.say(b'{"op":')
        assert await client.at_end()


async def test_a_slow_request_is_given_up(control, location):
    class Slow(MemoryControl):
        async def status(self):
            await asyncio.Event().wait()

    limits = Limits(request_s=0.1)
    async with ControlServer(Slow(), location, limits=limits), connected(location.path) as client:
        assert "took too long" in (await client.ask(op="status"))["error"]


async def test_stopping_ends_what_is_connected_and_removes_the_socket(control, location):
    server = await ControlServer(control, location).__aenter__()
    async with connected(location.path) as watcher, connected(location.path) as idle:
        await watcher.ask(op="watch")
        await idle.ask(op="status")
        await server.__aexit__(None, None, None)
        assert await watcher.at_end()
        assert await idle.at_end()
    assert not location.path.exists()
    assert not control.events._subscribers


@pytest.mark.parametrize(("open_to_all", "mode"), [(True, 0o666), (False, 0o600)])
async def test_mode_of_the_socket(control, short_tmp, open_to_all, mode):
    path = short_tmp / "daemon.sock"
    before = os.umask(0o077)
    try:
        async with ControlServer(control, SocketLocation(path, open_to_all=open_to_all)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
            assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)


@pytest.mark.fault
async def test_what_a_dead_daemon_left_is_replaced(control, location):
    with daemon(location.path) as dead:
        dead.kill()
        dead.wait(10)
    assert stat.S_ISSOCK(location.path.stat().st_mode)
    async with ControlServer(control, location), connected(location.path) as client:
        assert (await client.ask(op="status"))["ok"] is True


async def test_a_second_daemon_is_told(control, location):
    with daemon(location.path):
        with pytest.raises(ConfigError, match="already running"):
            await ControlServer(control, location).__aenter__()
        location.path.with_name("daemon.sock.lock").unlink()
        with pytest.raises(ConfigError, match="already running"):
            await ControlServer(control, location).__aenter__()
        async with connected(location.path) as client:
            assert (await client.ask(op="status"))["ok"] is True


async def test_a_start_that_has_the_lock_keeps_others_out_before_it_listens(control, location):
    with location.path.with_name("daemon.sock.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="already running"):
            await ControlServer(control, location).__aenter__()
    async with ControlServer(control, location), connected(location.path) as client:
        assert (await client.ask(op="status"))["ok"] is True


async def test_who_listens_has_the_lock_alone(control, location):
    async with ControlServer(control, location):
        beside = location.path.with_name("daemon.sock.lock")
        # A shared one would do for another start that takes shared ones, too.
        with beside.open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)


async def test_who_is_too_busy_to_take_connections_is_alive(control, location):
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(location.path))
        busy.listen(0)
        error = 0
        while error != errno.EAGAIN:  # until its backlog is full
            caller = stack.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)  # noqa: FBT003
            error = caller.connect_ex(str(location.path))
            assert error in (0, errno.EAGAIN)
        with pytest.raises(ConfigError, match="already running"):
            await ControlServer(control, location).__aenter__()
        assert stat.S_ISSOCK(location.path.lstat().st_mode)


async def test_of_many_starts_at_once_one_wins(location):
    servers = [ControlServer(MemoryControl(), location) for _ in range(8)]
    results = await asyncio.gather(*(s.__aenter__() for s in servers), return_exceptions=True)
    assert sum(isinstance(result, ConfigError) for result in results) == 7
    await next(r for r in results if isinstance(r, ControlServer)).__aexit__(None, None, None)


async def test_a_socket_that_is_no_longer_ours_is_left_alone(control, location):
    async with ControlServer(control, location):
        location.path.unlink()
        location.path.write_text("somebody else's")
    assert location.path.read_text() == "somebody else's"


@pytest.mark.attack
@pytest.mark.parametrize("what", ["link", "dangling link", "file", "lock link"])
async def test_what_is_in_the_way_is_refused(control, location, short_tmp, what):
    target = short_tmp / "precious"
    if what != "dangling link":
        target.write_text("precious")
    if what == "file":
        location.path.write_text("a file")
    elif what == "lock link":
        location.path.with_name("daemon.sock.lock").symlink_to(target)
    else:
        location.path.symlink_to(target)
    with pytest.raises(ConfigError, match="remove"):
        await ControlServer(control, location).__aenter__()
    if what == "dangling link":
        assert not target.exists()
    else:
        assert target.read_text() == "precious"


@pytest.mark.attack
@pytest.mark.root
async def test_a_socket_of_another_user_is_refused(control, location, short_tmp):
    short_tmp.chmod(0o777)
    with daemon(location.path, uid=65534), pytest.raises(ConfigError, match="uid 65534"):
        location.path.with_name("daemon.sock.lock").unlink()
        await ControlServer(control, location).__aenter__()
