"""One XMPP account of the broker, online for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import structlog
from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Iq, Message, Presence

from nuketown_approval import plugin  # noqa: F401  (registers the slixmpp plugin)
from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.xmpp.client import AccountClient, AccountSettings, trust_of
from nuketown_approval.xmpp.forwarded import sender_of
from nuketown_approval.xmpp.link import Link
from nuketown_approval.xmpp.queries import turn_away
from nuketown_approval.xmpp.timing import LinkTiming

RESOURCE = "nuketown-broker"
_PLUGINS = (
    "xep_0030",  # service discovery
    "xep_0115",  # entity capabilities
    "xep_0198",  # stream management
    "xep_0199",  # ping
    "nuketown_approval",
)

_log = structlog.get_logger(__name__)
TakeMessage = Callable[[Message, JID], None]


class Account:
    """Connects and stays connected; every message and presence goes through :meth:`_take`.

    :param name: what service discovery says
    :param plugins: slixmpp's, beside what every account needs
    :param advertise: requests may be routed here (XEP-0030)
    :raises ApprovalConfigError: ``ca_file`` can't be used
    """

    def __init__(
        self,
        settings: AccountSettings,
        password: str,
        *,
        name: str,
        plugins: Iterable[str] = (),
        advertise: bool = False,
        timing: LinkTiming = LinkTiming(),  # noqa: B008  (frozen)
    ) -> None:
        self._timing = timing
        self.client = AccountClient(
            settings,
            password,
            resource=RESOURCE,
            trust=trust_of(settings),
            timing=timing,
            plugins=(*_PLUGINS, *plugins),
            plugin_config={
                "xep_0115": {"caps_node": "urn:nuketown:broker"},
                "nuketown_approval": {"advertise": advertise},
            },
        )
        self.client.plugin["xep_0030"].add_identity("client", "bot", name=name)
        self._link = Link(self.client, timing, up=self._up)
        self._takers: list[TakeMessage] = []
        self._on_up: list[Callable[[], None]] = []
        self._starting: asyncio.Task[None] | None = None
        self.client.add_filter("in", self._take)

    @property
    def jid(self) -> str:
        """Bare JID."""
        return self.client.own

    @property
    def online(self) -> bool:
        """A session is up."""
        return self.client.online.is_set()

    @property
    def problem(self) -> str | None:
        """Why there is no session, where a human has to do something."""
        return self._link.problem

    def on_message(self, take: TakeMessage) -> None:
        """Call ``take`` for every message with its sender, as the server stamped it."""
        self._takers.append(take)

    def on_up(self, call: Callable[[], None]) -> None:
        """Call ``call`` whenever a session is up (again)."""
        self._on_up.append(call)

    def message(self, to: str, kind: str, body: str | None = None) -> Message:
        """A message to be filled and sent."""
        stanza = self.client.make_message(JID(to), mbody=body, mtype=kind)  # type: ignore[arg-type]
        stanza["id"] = self.client.new_id()
        return stanza

    def send(self, stanza: Message) -> bool:
        """Hand ``stanza`` to the stream; False while offline (it is not kept)."""
        if not self.online:
            return False
        stanza.send()
        return True

    async def run(self) -> None:
        """Be online for ever; cancelled, say goodbye in bounded time."""
        # Everything below ERROR would be in the log twice, DEBUG with what was said.
        logging.getLogger("slixmpp").setLevel(logging.ERROR)
        try:
            await self._link.run()
        finally:
            if self._starting is not None:
                self._starting.cancel()
            await self._leave()

    async def _leave(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timing.leave_s):
                if self.online:
                    self.client.send_presence(ptype="unavailable")
                if self.client.is_connected():
                    await self.client.disconnect(wait=self._timing.leave_s / 2)
        self.client.online.clear()
        await self.client.close()

    def _up(self, *, resumed: bool) -> None:
        if not resumed:
            if self._starting is not None:
                self._starting.cancel()
            self._starting = asyncio.create_task(self._begin())
            self._starting.add_done_callback(_log_failure)
        for call in self._on_up:
            call()

    async def _begin(self) -> None:
        try:
            await self.client.plugin["xep_0115"].update_caps(broadcast=False)
            await self._start_session()
        except (IqError, IqTimeout) as exc:
            _log.warning("xmpp_session_incomplete", jid=self.jid, reason=type(exc).__name__)

    async def _start_session(self) -> None:
        """Become available, in the account's way."""
        self.client.send_presence()

    def _take(self, stanza: Any) -> Any:
        """The first look at every stanza: messages, presences and what strangers want to know
        reach none of slixmpp's own handlers. An exception here would end the connection, so none
        gets out.
        """
        if not isinstance(stanza, (Message, Presence, Iq)):
            return stanza
        try:
            if isinstance(stanza, Iq):
                return None if turn_away(self.client, stanza, self._answers) else stanza
            sender = sender_of(stanza)
            if sender is not None and isinstance(stanza, Message):
                self._take_message(stanza, sender)
            elif sender is not None and isinstance(stanza, Presence):
                self._take_presence(stanza, sender)
        except ApprovalProtocolError as exc:
            _log.warning("xmpp_stanza_ignored", jid=self.jid, reason=str(exc))
        except Exception:  # noqa: BLE001
            _log.exception("xmpp_stanza_failed", jid=self.jid)
        return None

    def _answers(self, bare_jid: str) -> bool:  # noqa: ARG002
        """May they, beside the account's own clients and its server, ask what this client is?"""
        return False

    def _take_message(self, stanza: Message, sender: JID) -> None:
        for take in self._takers:
            take(stanza, sender)

    def _take_presence(self, stanza: Presence, sender: JID) -> None:
        """Presences of others are none of our business."""


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("xmpp_session_start_failed", exc_info=task.exception())
