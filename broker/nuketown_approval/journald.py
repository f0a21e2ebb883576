"""Entries for the systemd journal: its native protocol, without a library.

Protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import re
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog(3)
_FIELDS_LIMIT = 30
_PREFIX = "NUKETOWN_"


class Journald:
    """Sends entries; when the journal does not take one, writes it to stderr (sd-daemon(3))."""

    def __init__(self, identifier: str, path: Path = SOCKET) -> None:
        """Entries carry ``identifier`` as ``SYSLOG_IDENTIFIER``.

        systemd-python is not used here: it waits while the journal is busy, and the event loop
        with it.
        """
        self._identifier = identifier
        self._path = path
        self._socket: socket.socket | None = None

    def send(self, message: str, level: str, fields: Mapping[str, str]) -> None:
        """Write one entry; never raises, never waits.

        :param level: debug, info, warning, error or critical
        :param fields: ``task`` becomes the field ``NUKETOWN_TASK``, and so on; the first 30
        """
        entry = {
            "MESSAGE": message,
            "PRIORITY": str(_PRIORITIES[level]),
            "SYSLOG_IDENTIFIER": self._identifier,
        }
        for key, value in list(fields.items())[:_FIELDS_LIMIT]:
            entry[field_name(key)] = value
        try:
            self._datagram(b"".join(encoded(*item) for item in entry.items()))
        except OSError:
            _to_stderr(message, level)

    def close(self) -> None:
        """Give up the socket; a later entry opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _datagram(self, entry: bytes) -> None:
        if self._socket is None:
            self._socket = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            )
        self._socket.sendto(entry, str(self._path))


def field_name(key: str) -> str:
    """``key`` as a journal field of ours: upper case, digits, underscores, at most 64."""
    return (_PREFIX + re.sub(r"[^A-Z0-9_]", "_", key.upper()))[:64]


def encoded(name: str, value: str) -> bytes:
    """One field of the native protocol; a value with newlines is sent with its length."""
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" in data:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"


def _to_stderr(message: str, level: str) -> None:
    for line in message.splitlines():
        print(f"<{_PRIORITIES[level]}>{line}", file=sys.stderr, flush=True)  # noqa: T201
