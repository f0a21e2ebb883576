"""Who may open an X display, asked of the server itself (X Window System Protocol, X11R7).

A client that gets in can press any button (XTEST). ``xhost`` alone can't tell: a server that was
started without ``-auth`` lays claim to access control and lets in every local user.
"""

from __future__ import annotations

import os
import pwd
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nuketown_approval.errors import ApprovalUnavailable

_TIMEOUT_S = 3.0
_COOKIE = b"MIT-MAGIC-COOKIE-1"
_AUTHORITY_LIMIT = 1024 * 1024
_LIST_HOSTS = 110
_SERVER_INTERPRETED = 5
_FAMILIES = {0: "inet", 6: "inet6", 252: "local:", 254: "krb"}
_LOCAL_FAMILIES = {256, 65535}
"""FamilyLocal and FamilyWild of an authority file (Xau(3))."""


@dataclass(frozen=True)
class AccessList:
    """What the server says to ListHosts, and who the server is."""

    enabled: bool
    entries: tuple[tuple[int, bytes], ...]
    """Family and address."""
    server_uid: int
    server_pid: int


def display_number(name: str) -> int:
    """The number of a display on this machine.

    :raises ApprovalUnavailable: no display name, or one of another machine
    """
    match = re.fullmatch(r"(?:unix)?:(\d{1,5})(?:\.\d+)?", name)
    if match is None:
        raise ApprovalUnavailable(f"the display {name!r} is not one of this machine.")
    return int(match[1])


def access_problem(display: str, authority: Path) -> str | None:
    """Why another user could press the buttons on ``display``; None: nobody else can.

    :param authority: the file of cookies, as in ``XAUTHORITY``
    :raises ApprovalUnavailable: the display can't be opened at all
    """
    number = display_number(display)
    cookie = _cookie(authority, number)
    if cookie and (problem := _readable_by_others(authority)):
        return problem
    access = _ask(number, cookie)
    own = os.geteuid()
    if access.server_uid not in (0, own):
        return (
            f"display {display} is served by uid {access.server_uid}, who is neither you nor root"
        )
    if not access.enabled:
        return f"access control of display {display} is off: run xhost -"
    insiders = False
    for family, address in access.entries:
        if _names(family, address) & {f"#{own}", "root", "#0", _own_name()}:
            insiders = True
            continue
        entry = _entry_in_words(family, address)
        return f"the access list of display {display} lets in {entry}: run xhost -{entry}"
    if opens_without_cookie(display) and not (insiders and _keeps_others_out(access)):
        return (
            f"display {display} lets in local users without a cookie: "
            "start its server with -auth and a file"
        )
    return None


def opens_without_cookie(display: str) -> bool:
    """Does the server let this process in, showing nothing?"""
    try:
        with _connection(display_number(display), b""):
            return True
    except (ApprovalUnavailable, OSError):
        return False


def _keeps_others_out(access: AccessList) -> bool:
    """The own user is on the list, so that being let in says nothing: look at the server itself.

    Xwayland without ``-auth`` admits its own user alone; other servers then admit all local ones.
    """
    try:
        words = Path(f"/proc/{access.server_pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"-auth" in words or words[0].rpartition(b"/")[2] == b"Xwayland"


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"#{os.geteuid()}"


def _names(family: int, address: bytes) -> set[str]:
    kind, _, value = address.partition(b"\0")
    if family != _SERVER_INTERPRETED or kind != b"localuser":
        return set()
    return {value.decode("utf-8", "backslashreplace")}


def _entry_in_words(family: int, address: bytes) -> str:
    if family == _SERVER_INTERPRETED:
        kind, _, value = address.partition(b"\0")
        return f"si:{kind.decode('ascii', 'replace')}:{value.decode('utf-8', 'backslashreplace')}"
    if family in (0, 6) and len(address) in (4, 16):
        version = socket.AF_INET if len(address) == 4 else socket.AF_INET6
        return f"{_FAMILIES[family]}:{socket.inet_ntop(version, address)}"
    return _FAMILIES.get(family, f"family {family}")


def _readable_by_others(authority: Path) -> str | None:
    status = authority.stat()
    if status.st_mode & 0o077:
        return f"others can read the display's cookie in {authority}: run chmod 600 on it"
    if status.st_uid not in (0, os.geteuid()):
        return f"the display's cookie in {authority} belongs to uid {status.st_uid}"
    return None


def _cookie(authority: Path, number: int) -> bytes:
    """The cookie for a local display; empty: the file has none.

    Format: Xau(3): family, address, number, name, data; each with a length, big-endian.
    """
    try:
        with authority.open("rb") as file:
            data = file.read(_AUTHORITY_LIMIT)
    except OSError:
        return b""
    found = b""
    for family, address, display, name, value in _entries(data):
        if name != _COOKIE or display not in (b"", str(number).encode()):
            continue
        if family not in _LOCAL_FAMILIES:
            continue
        if family == 65535 or address == socket.gethostname().encode():
            return value
        found = found or value
    return found


def _entries(data: bytes) -> Iterator[tuple[int, bytes, bytes, bytes, bytes]]:
    at = 0
    while at + 2 <= len(data):
        (family,) = struct.unpack_from(">H", data, at)
        at += 2
        parts: list[bytes] = []
        for _ in range(4):
            if at + 2 > len(data):
                return
            (length,) = struct.unpack_from(">H", data, at)
            parts.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        yield family, parts[0], parts[1], parts[2], parts[3]


def _ask(number: int, cookie: bytes) -> AccessList:
    try:
        with _connection(number, cookie) as server:
            credentials = server.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            pid, uid, _ = struct.unpack("3i", credentials)
            server.sendall(struct.pack("<BxH", _LIST_HOSTS, 1))
            head = _exactly(server, 32)
            if head[0] != 1:
                raise ApprovalUnavailable(f"display :{number} does not tell who may open it.")
            body = _exactly(server, struct.unpack_from("<I", head, 4)[0] * 4)
            entries = tuple(_hosts(body, struct.unpack_from("<H", head, 8)[0]))
            return AccessList(head[1] == 1, entries, uid, pid)
    except (OSError, struct.error, IndexError) as exc:
        raise ApprovalUnavailable(f"display :{number} can't be opened ({exc}).") from exc


def _hosts(body: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(count):
        family, length = struct.unpack_from("<BxH", body, at)
        yield family, body[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4


@contextmanager
def _connection(number: int, cookie: bytes) -> Iterator[socket.socket]:
    """Open the display as a client.

    :raises ApprovalUnavailable: the server does not let us in
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as server:
        server.settimeout(_TIMEOUT_S)
        path = f"/tmp/.X11-unix/X{number}"  # noqa: S108  (where X servers listen)
        try:
            server.connect("\0" + path)  # as libX11 does: the abstract name first
        except ConnectionRefusedError:
            server.connect(path)
        name = _COOKIE if cookie else b""
        head = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie))
        server.sendall(head + _padded(name) + _padded(cookie))
        reply = _exactly(server, 8)
        text = _exactly(server, struct.unpack_from("<H", reply, 6)[0] * 4)
        if reply[0] != 1:
            reason = text[: reply[1]].decode("ascii", "replace").strip()
            raise ApprovalUnavailable(f"display :{number} does not let us in ({reason}).")
        yield server


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _exactly(server: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = server.recv(length - len(data))
        if not more:
            raise OSError("the server hung up")
        data += more
    return data
