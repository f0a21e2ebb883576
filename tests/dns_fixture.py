"""A DNS server on loopback that knows a few SRV and A records (RFC 1035, RFC 2782)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from nuketown_demo.prosody import HOST

_A, _SRV = 1, 33


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, services: Mapping[str, Sequence[tuple[str, int]]]) -> None:
        self._services = services
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end, labels = 12, []
        while data[end]:
            labels.append(data[end + 1 : end + 1 + data[end]].decode())
            end += 1 + data[end]
        question = data[12 : end + 5]
        (kind,) = struct.unpack("!H", question[-4:-2])
        records = []
        if kind == _SRV:
            records = [
                struct.pack("!HHH", priority, 1, port) + _name(target)
                for priority, (target, port) in enumerate(
                    self._services.get(".".join(labels).lower(), ())
                )
            ]
        elif kind == _A:
            records = [socket.inet_aton(HOST)]
        answer = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + question
        for record in records:
            answer += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(record)) + record
        assert self._transport is not None
        self._transport.sendto(answer, addr)


def _name(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


@asynccontextmanager
async def dns_server(**services: Sequence[tuple[str, int]]) -> AsyncIterator[str]:
    """``xmpp_client=(("one.test", 5222),)``: who serves ``localhost``, best first.

    Every name's address is this machine. Yields the server's own address.
    """
    records = {
        f"_{service.replace('_', '-')}._tcp.localhost": targets
        for service, targets in services.items()
    }
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Answers(records), local_addr=(HOST, 0)
    )
    try:
        yield f"{HOST}:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@asynccontextmanager
async def silent_port() -> AsyncIterator[int]:
    """A port where a connection is neither made nor refused, as behind many firewalls."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind((HOST, 0))
        full.listen(0)
        port = full.getsockname()[1]
        for waiting in (first, second):  # the queue is full, what comes now is dropped
            waiting.settimeout(0)
            waiting.connect_ex((HOST, port))
        yield port
