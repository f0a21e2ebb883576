"""sd_notify(3) against a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuketown_approval.service_manager import ServiceManager


class Listener:
    """The service manager's end."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(5)
        self.environment = {"NOTIFY_SOCKET": address}

    def received(self) -> list[str]:
        """All that came until now."""
        self.socket.settimeout(0)
        datagrams = []
        try:
            while True:
                datagrams.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return datagrams


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, short_tmp: Path) -> Iterator[Listener]:
    address = f"@{short_tmp}" if request.param == "abstract" else str(short_tmp / "notify")
    there = Listener(address)
    yield there
    there.socket.close()


def test_start_status_and_stop(listener: Listener) -> None:
    manager = ServiceManager.from_environment(listener.environment)
    manager.ready()
    manager.status("Working: fix udev")
    manager.stopping()
    assert listener.received() == ["READY=1", "STATUS=Working: fix udev", "STOPPING=1"]


def test_a_status_can_not_smuggle_another_assignment(listener: Listener) -> None:
    manager = ServiceManager.from_environment(listener.environment)
    manager.status("Working: x\nSTOPPING=1\0MAINPID=1\r\x1b[2J")
    (datagram,) = listener.received()
    assert datagram == "STATUS=Working: x STOPPING=1 MAINPID=1 [2J"


def test_a_repeated_status_is_sent_once(listener: Listener) -> None:
    manager = ServiceManager.from_environment(listener.environment)
    for text in ("Ready", "Ready", "Working: x", "Ready"):
        manager.status(text)
    assert listener.received() == ["STATUS=Ready", "STATUS=Working: x", "STATUS=Ready"]


async def _watch(manager: ServiceManager, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await manager.watchdog()


async def test_the_watchdog_is_fed_twice_per_period(listener: Listener) -> None:
    environment = {
        **listener.environment, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": str(os.getpid())
    }  # fmt: skip
    await _watch(ServiceManager.from_environment(environment), 0.23)
    # At 0, 50, 100, 150 and 200 ms; a busy machine may lose some, but never down to one a period.
    assert 3 <= len(listener.received()) <= 5


async def test_a_blocked_loop_does_not_feed_the_watchdog(listener: Listener) -> None:
    environment = {**listener.environment, "WATCHDOG_USEC": "40000"}
    feeding = asyncio.create_task(ServiceManager.from_environment(environment).watchdog())
    await asyncio.sleep(0.03)
    assert set(listener.received()) == {"WATCHDOG=1"}
    time.sleep(0.15)  # noqa: ASYNC251  # the blocked loop
    assert listener.received() == []
    feeding.cancel()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "10000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ],
)
async def test_no_watchdog_where_none_was_asked_for(
    listener: Listener, asked: dict[str, str]
) -> None:
    await _watch(ServiceManager.from_environment(listener.environment | asked), 0.05)
    assert listener.received() == []


async def test_nothing_happens_outside_systemd() -> None:
    manager = ServiceManager.from_environment({"WATCHDOG_USEC": "1000"})
    manager.ready()
    manager.status("Ready")
    manager.stopping()
    await _watch(manager, 0.02)


async def test_a_service_manager_that_is_gone_is_no_error(short_tmp: Path) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": str(short_tmp / "gone")})
    manager.ready()


def test_a_service_manager_that_does_not_read_holds_nobody_up(listener: Listener) -> None:
    manager = ServiceManager.from_environment(listener.environment)
    limit = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for n in range(limit + 1):
        manager.status(str(n))
    began = time.monotonic()
    manager.stopping()
    assert time.monotonic() - began < 0.5
    # What was not said is not taken for said.
    manager.status("Ready")
    listener.received()
    manager.status("Ready")
    assert listener.received() == ["STATUS=Ready"]


def test_a_start_is_told_when_the_service_manager_reads_again(listener: Listener) -> None:
    manager = ServiceManager.from_environment(dict(listener.environment))
    limit = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for n in range(limit + 1):
        manager.status(str(n))
    reading = threading.Timer(0.05, listener.socket.recv, [4096])
    reading.start()
    manager.ready()
    reading.join()
    assert listener.received()[-1] == "READY=1"


def test_what_is_started_later_can_not_speak_for_us(listener: Listener) -> None:
    environment = {**listener.environment, "WATCHDOG_USEC": "9", "WATCHDOG_PID": "1", "HOME": "/"}
    ServiceManager.from_environment(environment)
    assert environment == {"HOME": "/"}
