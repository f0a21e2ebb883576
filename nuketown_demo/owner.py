"""The owner's chat client: what the agent says and how it is, as a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

from slixmpp import JID, ClientXMPP
from slixmpp.stanza import Message, Presence

from nuketown_daemon.errors import NuketownError
from nuketown_daemon.xmpp.writing import clean
from nuketown_demo.prosody import HOST

_PATIENCE_S = 15.0
_PLUGINS = ("xep_0030", "xep_0085", "xep_0184", "xep_0198", "xep_0199", "xep_0308", "xep_0359")


@dataclass(frozen=True)
class Said:
    """A message from a bare JID; ``corrects`` names the message it replaces (XEP-0308)."""

    sender: str
    body: str
    message_id: str
    corrects: str | None = None


@dataclass(frozen=True)
class Seen:
    """A contact's presence (RFC 6121 §4.7.2); ``show`` is ``offline`` where it went away."""

    jid: str
    show: str
    status: str

    def __str__(self) -> str:
        dot = "○" if self.show == "offline" else "●"
        return f"{self.jid} {dot} {self.show} {self.status}".rstrip()


@dataclass(frozen=True)
class Lost:
    """The connection to the server is gone."""


Heard: TypeAlias = Said | Seen | Lost


class Owner(ClientXMPP):
    """The owner at a terminal. Use as an async context manager; connected inside it.

    :param port: of the server on loopback
    :param contacts: bare JIDs to see the presence of; the first is spoken to
    :raises NuketownError: the server does not let us in
    """

    def __init__(self, jid: str, password: str, *, port: int, contacts: Sequence[str]) -> None:
        super().__init__(
            f"{jid}/terminal",
            password,
            plugin_config={
                "feature_mechanisms": {"unencrypted_plain": True, "unencrypted_scram": True}
            },
        )
        self.events: asyncio.Queue[Heard] = asyncio.Queue()
        self.roster_presence: dict[str, Seen] = {
            contact: Seen(contact, "offline", "") for contact in contacts
        }
        """The newest presence of each contact."""
        self._port = port
        self._contacts = tuple(contacts)
        # Loopback, and a server that is gone in a while.
        self.enable_direct_tls = False
        self.enable_starttls = False
        self.enable_plaintext = True
        self.auto_authorize = True
        for plugin in _PLUGINS:
            self.register_plugin(plugin)
        self.plugin["xep_0184"].auto_request = False
        self.add_event_handler("message", self._heard)
        self.add_event_handler("presence", self._seen)

    async def __aenter__(self) -> Self:
        started = asyncio.Event()
        self.add_event_handler("session_start", lambda _: started.set())
        self.connect(HOST, self._port)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await started.wait()
                await self.get_roster()
        except TimeoutError as exc:
            await self._leave()
            raise NuketownError(f"the server did not let {self.boundjid.bare} in.") from exc
        except BaseException:
            await self._leave()
            raise
        self.send_presence()
        for contact in self._contacts:
            self.send_presence_subscription(pto=contact, ptype="subscribe")
        self.add_event_handler("disconnected", lambda _: self.events.put_nowait(Lost()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    async def _leave(self) -> None:
        self.cancel_connection_attempt()
        if self.is_connected():
            async with asyncio.timeout(_PATIENCE_S):
                await self.disconnect(wait=1.0)

    def say(self, body: str, *, to: str | None = None) -> None:
        """Write to a contact; to the first one unless another is named.

        What XML can't carry (a pasted escape character) is replaced: the server would hang up.
        """
        self.send_message(JID(to or self._contacts[0]), clean(body), mtype="chat")

    async def next(self) -> Said | Seen:
        """Wait for the next thing heard or seen.

        :raises NuketownError: the connection is gone
        """
        event = await self.events.get()
        if isinstance(event, Lost):
            raise NuketownError("the chat server of the town is gone: start the demo again.")
        return event

    def _heard(self, stanza: Message) -> None:
        if stanza["type"] not in {"chat", "normal"}:
            return
        corrects = str(stanza["replace"]["id"]) or None
        said = Said(stanza["from"].bare, str(stanza["body"]), str(stanza["id"]), corrects)
        self.events.put_nowait(said)

    def _seen(self, stanza: Presence) -> None:
        jid = stanza["from"].bare
        kind = stanza.xml.get("type", "")  # the library's own "type" mixes in the show
        if jid == self.boundjid.bare or kind not in {"", "unavailable"}:
            return
        show = "offline" if kind else str(stanza["show"] or "online")
        seen = Seen(jid, show, str(stanza["status"]))
        if seen != self.roster_presence.get(jid):
            self.roster_presence[jid] = seen
            self.events.put_nowait(seen)
