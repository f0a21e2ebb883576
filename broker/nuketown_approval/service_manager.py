"""What systemd is told of a service of ours: sd_notify(3), ``Type=notify`` and ``WatchdogSec=``.

Outside systemd every call does nothing.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
from collections.abc import Callable, Mapping, MutableMapping

Notify = Callable[[str], object]

_STATUS_LIMIT = 500
_READY = "READY=1"
_READY_PATIENCE_S = 1.0


class ServiceManager:
    """The service manager's notification socket, as the environment names it."""

    def __init__(self, notify: Notify | None, watchdog_s: float | None) -> None:
        """Use :meth:`from_environment`.

        :param notify: sends one assignment list; None: nobody listens
        :param watchdog_s: how long the event loop may be silent, in seconds; None: for ever
        """
        self._notify = notify
        self._watchdog_s = watchdog_s
        self._status: str | None = None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> ServiceManager:
        """Take ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` out of the environment.

        They are meant for this process: sessions, and services that are tried in them, would speak
        to systemd in its name. systemd-python sends where it is installed, else a datagram of our
        own; the former reads ``NOTIFY_SOCKET`` anew each time, which therefore stays for it.
        """
        address = environment.get("NOTIFY_SOCKET")
        notify = _systemd_python() if address and environment is os.environ else None
        watchdog_s = _watchdog_s(environment)
        for name in ("WATCHDOG_USEC", "WATCHDOG_PID") + (() if notify else ("NOTIFY_SOCKET",)):
            environment.pop(name, None)
        if not address:
            return cls(None, None)
        return cls(notify or _Datagram(address), watchdog_s)

    def ready(self) -> None:
        """Start-up is finished (``READY=1``)."""
        self._send(_READY)

    def status(self, text: str) -> None:
        """Show ``text`` in ``systemctl status`` (``STATUS=``); repeated text is sent once."""
        line = _one_line(text)
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def stopping(self) -> None:
        """Shutdown has begun (``STOPPING=1``)."""
        self._send("STOPPING=1")

    async def watchdog(self) -> None:
        """Send ``WATCHDOG=1`` from the event loop, twice per period, until cancelled.

        Runs in the loop on purpose: a blocked loop stays silent, and systemd restarts the daemon.
        """
        if self._notify is None or self._watchdog_s is None:
            await asyncio.get_running_loop().create_future()  # never done: only cancelled
            return
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)

    def _send(self, assignments: str) -> bool:
        if self._notify is None:
            return False
        try:
            self._notify(assignments)
        except OSError:
            # Nobody reads: systemd acts on its own timeouts, and the log would go the same way.
            return False
        return True


class _Datagram:
    """The protocol of sd_notify(3): newline-separated assignments in one datagram."""

    def __init__(self, address: str) -> None:
        # A leading @ stands for the null byte of an abstract address (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def __call__(self, assignments: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            # A full queue must not hold up the event loop. Only what is said once, and without
            # which systemd would end us, is worth a moment at the start.
            sender.settimeout(_READY_PATIENCE_S if assignments == _READY else 0)
            sender.sendto(assignments.encode(), self._address)


def _systemd_python() -> Notify | None:
    try:
        notify: Notify = importlib.import_module("systemd.daemon").notify
    except (ImportError, AttributeError):
        return None
    return notify


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """The period that sd_watchdog_enabled(3) gives: none when it is meant for another process."""
    pid = environment.get("WATCHDOG_PID")
    if pid is not None and pid != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not microseconds.isascii() or not microseconds.isdigit() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000


def _one_line(text: str) -> str:
    # A newline would begin another assignment: a task's title must not say STOPPING=1.
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_STATUS_LIMIT]
