"""The daemon's process under a service manager of the test: what it tells, what ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """What was started by nohup ignores SIGHUP, and so would its daemon, as it should."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order(short_tmp: Path, number: signal.Signals) -> None:
    settings = short_tmp / "config/nuketown"
    settings.mkdir(parents=True)
    (settings / "identity.toml").write_text('name = "ada"\n')
    (short_tmp / "run").mkdir(mode=0o700)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(short_tmp),
        "XDG_CONFIG_HOME": str(short_tmp / "config"),
        "XDG_RUNTIME_DIR": str(short_tmp / "run"),
        "NOTIFY_SOCKET": str(short_tmp / "notify"),
        "WATCHDOG_USEC": "30000000",
    }
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(environment["NOTIFY_SOCKET"])
        manager.settimeout(30)
        with subprocess.Popen(
            [sys.executable, "-m", "nuketown_daemon"], env=environment, stderr=subprocess.PIPE
        ) as daemon:
            try:
                while not {"READY=1", "STATUS=Ready"} <= set(told):
                    told.append(manager.recv(4096).decode())
                assert list((short_tmp / "run/nuketown").iterdir())
                daemon.send_signal(number)
                daemon.send_signal(number)
                _, said = daemon.communicate(timeout=30)
            finally:
                daemon.kill()
        manager.settimeout(0)
        with pytest.raises(BlockingIOError):
            while True:
                told.append(manager.recv(4096).decode())
    assert told[-1] == "STOPPING=1"
    assert "WATCHDOG=1" in told
    assert daemon.returncode == 0
    assert b"Traceback" not in said
    assert [path for path in (short_tmp / "run/nuketown").iterdir() if path.is_socket()] == []
