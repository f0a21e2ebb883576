"""Processes that are measured: started the same way, ready by the same clock, gone at the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from nuketown_daemon.errors import NuketownError

ROOT = Path(__file__).parent.parent
_READY_TIMEOUT_S = 60.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Started:
    """A process that has said that it is ready."""

    pid: int
    ready_s: float
    """From just before exec until it said so, in seconds."""

    def uss_mib(self) -> float:
        """What the machine would get back if it ended (unique set size), in MiB."""
        return float(psutil.Process(self.pid).memory_full_info().uss) / MIB

    def end(self) -> None:
        """Ask it to end; its context waits for that."""
        os.kill(self.pid, signal.SIGTERM)


@contextlib.asynccontextmanager
async def daemon(environment: Mapping[str, str], directory: Path) -> AsyncIterator[Started]:
    """Run ``python -m nuketown_daemon`` until the context ends; ready is READY=1 (sd_notify(3)).

    :param directory: for its log and the notification socket
    :raises NuketownError: it ended before
    """
    async with _notifying(["-m", "nuketown_daemon"], environment, directory) as process:
        yield process


@contextlib.asynccontextmanager
async def broker(configuration: Path, directory: Path) -> AsyncIterator[Started]:
    """Run ``python -m nuketown_broker`` until the context ends; ready as a daemon is.

    :param directory: for its log and the notification socket
    :raises NuketownError: it ended before
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory)}
    arguments = ["-m", "nuketown_broker", "--config", str(configuration)]
    async with _notifying(arguments, environment, directory) as process:
        yield process


@contextlib.asynccontextmanager
async def _notifying(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path
) -> AsyncIterator[Started]:
    with _Notices(directory / "notify") as notices, (directory / "daemon.log").open("ab") as log:
        start = time.perf_counter()
        process = _spawn(arguments, {**environment, "NOTIFY_SOCKET": notices.address}, log)
        async with _ended(process):
            yield Started(process.pid, await notices.ready(process) - start)


class _Notices:
    """A service manager that listens, to the end: who is not read waits when he writes."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)  # noqa: FBT003
        self._ready = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        if b"READY=1" in self._socket.recv(4096) and not self._ready.done():
            self._ready.set_result(time.perf_counter())

    async def ready(self, process: subprocess.Popen[bytes]) -> float:
        """When it was ready, by time.perf_counter."""
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while not self._ready.done():
                if process.poll() is not None:
                    raise NuketownError("the process ended before it was ready.")
                await asyncio.wait({self._ready}, timeout=1.0)
        return float(self._ready.result())


@contextlib.asynccontextmanager
async def bare_client(arguments: Sequence[str]) -> AsyncIterator[Started]:
    """Run :mod:`benchmarks.bare_client` until the context ends; ready is session_start."""
    start = time.perf_counter()
    process = _spawn(["-m", "benchmarks.bare_client", *arguments], os.environ, subprocess.PIPE)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    async with _ended(process):
        await _readable(process.stdout.fileno())
        ready_s = time.perf_counter() - start
        if process.stdout.read() != b"online\n":
            raise NuketownError("the bare client ended before it was online.")
        yield Started(process.pid, ready_s)


@contextlib.asynccontextmanager
async def script(arguments: Sequence[str]) -> AsyncIterator[int]:
    """Run another counterpart of this package until the context ends; gives its process id."""
    process = _spawn(["-m", *arguments], os.environ, subprocess.DEVNULL)
    async with _ended(process):
        yield process.pid


async def request(path: Path, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a daemon's socket one thing.

    :raises NuketownError: it refuses
    """
    reader, writer = await asyncio.open_unix_connection(str(path), limit=16 * MIB)
    try:
        writer.write(json.dumps(operation).encode() + b"\n")
        reply: dict[str, Any] = json.loads(await reader.readline())
    finally:
        writer.close()
    if not reply.get("ok"):
        raise NuketownError(f"the daemon refused: {reply.get('error')}")
    return reply


async def status_when(
    path: Path, check: Callable[[dict[str, Any]], object], timeout_s: float = 60.0
) -> dict[str, Any]:
    """Ask a daemon's socket for its status until ``check`` of it is true."""
    async with asyncio.timeout(timeout_s):
        while True:
            status: dict[str, Any] = (await request(path, {"op": "status"}))["status"]
            if check(status):
                return status
            await asyncio.sleep(0.05)


async def online(path: Path) -> None:
    """Wait until the daemon behind the socket has its XMPP session."""
    await status_when(path, lambda status: status["connected"])


def _spawn(
    arguments: Sequence[str], environment: Mapping[str, str], stdout: Any
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout is not subprocess.PIPE else None,
        start_new_session=True,
    )


@contextlib.asynccontextmanager
async def _ended(process: subprocess.Popen[bytes]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, 15.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(descriptor, arrived.set)
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            await arrived.wait()
    finally:
        loop.remove_reader(descriptor)
