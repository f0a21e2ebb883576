"""Who is at the other end of a Unix socket, as the kernel knows it."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_UCRED = struct.Struct("3i")  # struct ucred: pid_t, uid_t, gid_t


@dataclass(frozen=True)
class PeerCredentials:
    """Credentials at the time of ``connect`` (of a client) or of ``listen`` (of a server)."""

    pid: int
    uid: int
    gid: int


def peer_credentials(connection: socket.socket) -> PeerCredentials:
    """Return the credentials of the peer of a connected Unix socket.

    :raises OSError: it is not such a socket

    SO_PEERCRED, unix(7). A uid of another user namespace arrives as the overflow uid, which
    is nobody we serve.
    """
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(data)
    return PeerCredentials(pid, uid & 0xFFFFFFFF, gid & 0xFFFFFFFF)
