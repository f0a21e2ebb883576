"""A real X server in memory, and hands and eyes on it."""

from __future__ import annotations

import mmap
import os
import secrets
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COOKIE_FILE_FAMILY = 65535  # FamilyWild (Xau(3)): any display


@dataclass
class XServer:
    """An Xvfb with its picture in a file (``-fbdir``)."""

    process: subprocess.Popen[bytes]
    display: str
    authority: Path
    picture: Path

    def environment(self, home: Path) -> dict[str, str]:
        """As a login on this display has it, with no service manager."""
        return {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "DISPLAY": self.display,
            "XAUTHORITY": str(self.authority),
        }

    def hands(self, *command: str) -> str:
        """Run xdotool."""
        done = subprocess.run(
            ["xdotool", *command],
            env={**os.environ, "DISPLAY": self.display, "XAUTHORITY": str(self.authority)},
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        return done.stdout.strip()

    def windows(self, title: str = ".") -> list[str]:
        """Ids of the windows on the screen whose title matches."""
        return self.hands("search", "--onlyvisible", "--name", title).split()

    def press(self, window: str, *keys: str) -> None:
        """Press keys in a window."""
        self.hands("windowfocus", "--sync", window)
        self.hands("key", *keys)

    def pixels(self) -> tuple[int, int, bytes]:
        """Width, height and the screen, four bytes a pixel."""
        with self.picture.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=1) as data:
            head = struct.unpack_from(">25I", data, 0)  # XWDFile.h
            start = head[0] + head[19] * 12
            width, height, line = head[4], head[5], head[12]
            assert line == width * 4
            return width, height, data[start : start + line * height]

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(10)


def write_authority(path: Path) -> None:
    cookie = secrets.token_bytes(16)
    parts = (b"", b"", b"MIT-MAGIC-COOKIE-1", cookie)
    entry = struct.pack(">H", COOKIE_FILE_FAMILY)
    entry += b"".join(struct.pack(">H", len(part)) + part for part in parts)
    path.touch(mode=0o600)
    path.write_bytes(entry)


def start_server(directory: Path, *, locked: bool = True) -> XServer:
    directory.mkdir(parents=True)
    authority = directory / "Xauthority"
    write_authority(authority)
    reading, writing = os.pipe()
    command = [
        "Xvfb", "-displayfd", str(writing), "-noreset", "-nolisten", "tcp",
        "-screen", "0", "1100x760x24", "-fbdir", str(directory),
    ]  # fmt: skip
    if locked:
        command += ["-auth", str(authority)]
    process = subprocess.Popen(
        command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with os.fdopen(reading) as file:
        number = file.readline().strip()
    assert number, "Xvfb did not start"
    return XServer(process, f":{number}", authority, directory / "Xvfb_screen0")


def xhost_entry(family: int, address: bytes, mode: int = 0) -> bytes:
    """ChangeHosts (X11 protocol): what xhost sends."""
    padded = address + bytes(-len(address) % 4)
    return struct.pack("<BBHBxH", 109, mode, 2 + len(padded) // 4, family, len(address)) + padded


def send_to_server(server: XServer, request: bytes) -> None:
    """Send one request as a client that has the cookie."""
    with _client(server) as client:
        client.sendall(request)
        _synchronise(client)


def close_politely(server: XServer, window: int) -> None:
    """Ask a window to close, as a window manager does for its button (ICCCM 4.2.8.1)."""
    with _client(server) as client:
        protocols, delete = (_atom(client, name) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        event = struct.pack("<BBHIIII12x", 33, 32, 0, window, protocols, delete, 0)
        client.sendall(struct.pack("<BBHII", 25, 0, 11, window, 0) + event)
        _synchronise(client)


def _atom(client: socket.socket, name: bytes) -> int:
    """InternAtom."""
    padded = name + bytes(-len(name) % 4)
    client.sendall(struct.pack("<BBHHxx", 16, 0, 2 + len(padded) // 4, len(name)) + padded)
    (atom,) = struct.unpack_from("<I", _exactly(client, 32), 8)
    return int(atom)


@contextmanager
def _client(server: XServer) -> Iterator[socket.socket]:
    name = b"MIT-MAGIC-COOKIE-1"
    cookie = server.authority.read_bytes()[-16:]
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(f"/tmp/.X11-unix/X{server.display[1:]}")
        head = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), 16)
        client.sendall(head + name + b"\0\0" + cookie)
        setup = _exactly(client, 8)
        assert setup[0] == 1
        _exactly(client, struct.unpack_from("<H", setup, 6)[0] * 4)
        yield client


def _synchronise(client: socket.socket) -> None:
    """GetInputFocus: when its reply is here, the server has done what was sent before."""
    client.sendall(struct.pack("<BxH", 43, 1))
    _exactly(client, 32)


def _exactly(client: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = client.recv(length - len(data))
        assert more
        data += more
    return data
