"""Who serves a connection on this machine that no certificate vouches for (proc_pid_net(5))."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress
from pathlib import Path

_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LOCAL, _REMOTE, _UID = 1, 2, 7
_OF_THE_SYSTEM = (range(1000), range(61184, 65520))
"""Uids that are given to no people and no agents: login.defs(5), and systemd's DynamicUser=."""


def is_of_the_system(server: tuple[str, int], client: tuple[str, int]) -> bool:
    """Does root, an account of the system, or this user itself serve it?

    Any user can listen on a chat server's port while the server is down. A connection that no
    program on this machine serves was led elsewhere by root.

    :param server: address and port of their end, which has sent something
    :param client: of ours
    """
    uid = _owner(server, client)
    return uid in (None, os.geteuid()) or any(uid in uids for uids in _OF_THE_SYSTEM)


def _owner(server: tuple[str, int], client: tuple[str, int]) -> int | None:
    wanted = {(theirs, ours) for theirs, ours in zip(_forms(server), _forms(client), strict=True)}
    for table in _TABLES:
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                fields = line.split()
                if (fields[_LOCAL], fields[_REMOTE]) in wanted:
                    return int(fields[_UID])
    return None


def _forms(address: tuple[str, int]) -> tuple[str, ...]:
    """An address as the tables have it; one of IPv4 also as a server that serves both sees it."""
    host, port = ipaddress.ip_address(address[0]), f"{address[1]:04X}"
    packed = [host.packed]
    if host.version == 4:
        packed.append(b"\0" * 10 + b"\xff\xff" + host.packed)
    return tuple(f"{_words(data)}:{port}" for data in packed)


def _words(data: bytes) -> str:
    words = (data[at : at + 4] for at in range(0, len(data), 4))
    return "".join(f"{socket.htonl(int.from_bytes(word)):08X}" for word in words)
