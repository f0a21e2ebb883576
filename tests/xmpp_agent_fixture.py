"""The XMPP side of a daemon under test, with the real journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nuketown_daemon.chat import IncomingMessage, OutgoingMessage
from nuketown_daemon.configuration import Identity, Xmpp
from nuketown_daemon.journal import Journal
from nuketown_daemon.xmpp.connection import Connection
from nuketown_daemon.xmpp.timing import Timing
from nuketown_demo.prosody import HOST
from tests.prosody_fixture import PATIENCE_S, Account, eventually, make_account

QUICK = Timing(
    connect_s=5,
    negotiate_s=5,
    first_retry_s=0.05,
    longest_retry_s=0.2,
    refused_retry_s=30,
    ping_s=2,
    pong_s=1,
    answer_s=3,
    ack_s=1,
    progress_s=0.3,
    rejoin_s=0.2,
    leave_s=2,
)
"""Faults take seconds, not minutes."""


@dataclass
class Agent:
    """An agent whose daemon only listens: what it hears is noted in the journal, nothing more."""

    account: Account
    path: Path
    owners: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    approval_jid: str | None = None
    port: int | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None
    timing: Timing = QUICK
    heard: list[IncomingMessage] = field(default_factory=list)
    hurried: list[str] = field(default_factory=list)
    before_journal: Callable[[IncomingMessage], Awaitable[None]] | None = None
    _connection: Connection | None = None
    _journal: Journal | None = None

    @property
    def jid(self) -> str:
        return self.account.jid

    @property
    def connection(self) -> Connection:
        assert self._connection is not None
        return self._connection

    @property
    def journal(self) -> Journal:
        assert self._journal is not None
        return self._journal

    @property
    def bodies(self) -> list[str]:
        return [message.body for message in self.heard]

    def settings(self) -> Xmpp:
        return Xmpp(
            jid=self.jid,
            owners=self.owners,
            peers=self.peers,
            rooms=self.rooms,
            approval_jid=self.approval_jid,
            host=HOST,
            port=self.port or self.account.server.port,
            tls="required" if self.tls else "off-loopback-only",
            ca_file=self.ca_file,
        )

    @asynccontextmanager
    async def running(self, *, wait: bool = True) -> AsyncIterator[Connection]:
        """The daemon's life, from its start to its stop (or, cancelled from outside, its death)."""
        async with Journal.open(self.path) as self._journal:
            connection = self._connection = Connection(
                self.settings(),
                Identity(name="ada"),
                self.password or self.account.password,
                self._journal.messages,
                self._handle,
                self._hurry,
                self.timing,
            )
            task = asyncio.create_task(connection.run())
            try:
                if wait:
                    await eventually(lambda: connection.connected)
                yield connection
                assert not task.done() or task.exception() is None
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.wait_for(task, PATIENCE_S)

    async def _handle(self, message: IncomingMessage) -> None:
        if self.before_journal:
            await self.before_journal(message)
        await self.journal.write(
            lambda transaction: self.journal.messages.mark_seen(transaction, message)
        )
        self.heard.append(message)

    async def _hurry(self, message: IncomingMessage) -> None:
        self.hurried.append(message.body)

    async def say(self, to: str, body: str, **more: object) -> str:
        """Put a message into the outbox; its stanza id."""
        message = OutgoingMessage(to, body, **more)  # type: ignore[arg-type]
        return await self.journal.write(
            lambda transaction: self.journal.messages.add(transaction, message)
        )

    async def hears(self, body: str) -> IncomingMessage:
        """Wait until it heard ``body``."""
        return await eventually(lambda: next((m for m in self.heard if m.body == body), None))

    async def outbox_empties(self) -> None:
        """Wait until the server has everything."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while await self.journal.messages.outbox():
            assert asyncio.get_running_loop().time() < deadline, "the outbox did not empty"
            await asyncio.sleep(0.02)


@pytest.fixture
def agent_of(tmp_path: Path) -> Callable[..., Awaitable[Agent]]:
    """``await agent_of(server, owners=(josh.jid,))``: an agent with a fresh account."""

    async def make(server: object, **settings: object) -> Agent:
        account = await make_account(server, "ada")  # type: ignore[arg-type]
        return Agent(account, tmp_path / f"{account.name}.sqlite", **settings)  # type: ignore[arg-type]

    return make
