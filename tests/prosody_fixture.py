"""A real Prosody for a whole test session, fresh accounts, and real clients to be the people.

Register it as a plugin (``pytest_plugins``) or import the fixtures.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError
from slixmpp.stanza import Message, Presence

from nuketown_demo.prosody import HOST, Prosody

PATIENCE_S = 15.0
_serial = itertools.count(1)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Account:
    """An account on a test's server."""

    jid: str
    password: str
    server: Prosody

    @property
    def name(self) -> str:
        return self.jid.partition("@")[0]


async def make_account(server: Prosody, name: str) -> Account:
    """An account that no other test has: ``name`` and a number."""
    password = f"secret of {name}"
    jid = await server.register(f"{name}{next(_serial)}", password)
    return Account(jid, password, server)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prosody_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prosody]:
    """The session's Prosody. A test that restarts its server starts its own instead."""
    async with Prosody(tmp_path_factory.mktemp("prosody")) as server:
        yield server


@pytest.fixture
def account(prosody_server: Prosody) -> Callable[[str], Awaitable[Account]]:
    """``await account("ada")``: a fresh account on the session's server."""

    async def make(name: str) -> Account:
        return await make_account(prosody_server, name)

    return make


class Person(ClientXMPP):
    """A chat client that keeps what it gets. ``async with Person(account) as owner: …``

    :param port: where to connect, when it is not the server itself (a proxy)
    :param carbons: ask for copies of what the account's other clients say and get
    """

    def __init__(
        self,
        account: Account,
        resource: str = "phone",
        *,
        port: int | None = None,
        carbons: bool = False,
        priority: int = 0,
    ) -> None:
        super().__init__(
            f"{account.jid}/{resource}",
            account.password,
            plugin_config={
                "feature_mechanisms": {"unencrypted_plain": True, "unencrypted_scram": True}
            },
        )
        self.account = account
        self.messages: list[Message] = []
        """Every message stanza, in order; copies and errors too."""
        self.presences: list[Presence] = []
        self.receipts: list[str] = []
        """Ids of own messages that were received (XEP-0184)."""
        self._port = port or account.server.port
        self._carbons = carbons
        self._priority = priority
        self._changed = asyncio.Event()
        self.enable_direct_tls = False
        self.enable_starttls = account.server.tls
        self.enable_plaintext = not account.server.tls
        if account.server.tls:
            self.ca_certs = account.server.certificate
        for plugin in ("0030", "0045", "0085", "0184", "0280", "0308", "0313", "0359", "0461"):
            self.register_plugin(f"xep_{plugin}")
        self.plugin["xep_0184"].auto_request = False
        self.add_filter("in", self._keep)

    @property
    def bare(self) -> str:
        return self.account.jid

    def _keep(self, stanza: Any) -> Any:
        if isinstance(stanza, Message):
            self.messages.append(stanza)
            if stanza["receipt"]:
                self.receipts.append(stanza["receipt"])
        elif isinstance(stanza, Presence):
            self.presences.append(stanza)
        self._changed.set()
        return stanza

    async def __aenter__(self) -> Self:
        started = asyncio.Event()
        self.add_event_handler("session_start", lambda _: started.set())
        self.connect(HOST, self._port)
        await asyncio.wait_for(started.wait(), PATIENCE_S)
        await asyncio.wait_for(self.get_roster(), PATIENCE_S)
        if self._carbons:
            await asyncio.wait_for(self.plugin["xep_0280"].enable(), PATIENCE_S)
        self.send_presence(ppriority=self._priority)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Go offline."""
        self.cancel_connection_attempt()
        if self.is_connected():
            await asyncio.wait_for(self.disconnect(wait=1.0), PATIENCE_S)

    def say(
        self,
        to: str,
        body: str,
        *,
        kind: str = "chat",
        message_id: str | None = None,
        thread: str | None = None,
        receipt: bool = False,
    ) -> str:
        """Send a message and return its id."""
        message = self.make_message(to, body, mtype=kind)  # type: ignore[arg-type]
        message["id"] = message_id or self.new_id()
        if thread:
            message["thread"] = thread
        if receipt:
            message["request_receipt"] = True
        message.send()
        return str(message["id"])

    def say_xml(self, text: str) -> None:
        """Send a stanza exactly as written (it needs ``xmlns="jabber:client"``)."""
        self.send_xml(ET.fromstring(text))

    async def question(self, to: str, namespace: str) -> tuple[str, str]:
        """Ask ``to`` something by IQ: type and condition of what comes back."""
        iq = self.make_iq_get(queryxmlns=namespace, ito=to)
        try:
            answer = await asyncio.wait_for(iq.send(), PATIENCE_S)  # type: ignore[no-untyped-call]
        except IqError as exc:
            answer = exc.iq
        return str(answer["type"]), str(answer["error"]["condition"])

    async def wait_for(self, check: Callable[[], _T | None], timeout_s: float = PATIENCE_S) -> _T:
        """Wait until ``check()`` is true after a stanza came, and return what it gave.

        :raises AssertionError: it did not become true in time; the text has what was received
        """
        deadline = self.loop.time() + timeout_s
        while not (found := check()):
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - self.loop.time())
            except TimeoutError:
                got = "\n".join(map(str, [*self.messages[-10:], *self.presences[-10:]]))
                raise AssertionError(
                    f"{self.bare} waited {timeout_s} s in vain; got:\n{got}"
                ) from None
        return found

    async def message(
        self, check: Callable[[Message], object] = lambda _: True, timeout_s: float = PATIENCE_S
    ) -> Message:
        """The first message with a body for which ``check`` is true, waited for if need be."""
        return await self.wait_for(
            lambda: next((m for m in self.messages if m["body"] and check(m)), None), timeout_s
        )

    async def presence(
        self, check: Callable[[Presence], object], timeout_s: float = PATIENCE_S
    ) -> Presence:
        """The first presence for which ``check`` is true, waited for if need be."""
        return await self.wait_for(
            lambda: next((p for p in self.presences if check(p)), None), timeout_s
        )

    def bodies(self, sender: str | None = None) -> list[str]:
        """Bodies of what was received, from the bare JID ``sender`` if one is named."""
        return [
            str(m["body"])
            for m in self.messages
            if m["body"] and (sender is None or m["from"].bare == sender)
        ]

    async def settled(self) -> None:
        """A round trip to the server: whatever it had for us before is here."""
        iq = self.make_iq_get(ito=self.boundjid.host)
        iq.enable("disco_info")
        await asyncio.wait_for(iq.send(), PATIENCE_S)  # type: ignore[no-untyped-call]


async def eventually(check: Callable[[], _T], timeout_s: float = PATIENCE_S) -> _T:
    """Poll ``check`` until it is true, and return what it gave."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not (found := check()):
        assert asyncio.get_running_loop().time() < deadline, f"not so after {timeout_s} s"
        await asyncio.sleep(0.01)
    return found


def own_directory(path: Path) -> Path:
    """A directory for a server of a test's own."""
    return path / "prosody"
