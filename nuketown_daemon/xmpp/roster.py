"""Who may see the agent's presence: owners and peers, and the broker's account (RFC 6121 §3)."""

from __future__ import annotations

import time

import structlog
from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Presence

from nuketown_daemon.xmpp.client import AgentClient
from nuketown_daemon.xmpp.people import People
from nuketown_daemon.xmpp.strangers import Strangers

_log = structlog.get_logger(__name__)


class Roster:
    """Answers subscription requests, and takes back what is no longer allowed."""

    def __init__(self, client: AgentClient, people: People, *, answer_s: float) -> None:
        self._client = client
        self._people = people
        self._answer_s = answer_s
        self._refused = Strangers(lines_an_hour=200)

    def take(self, stanza: Presence, sender: str) -> bool:
        """Look at a presence from ``sender`` (bare JID); False if it is left to slixmpp."""
        kind = stanza.xml.get("type")
        if kind != "subscribe":
            # Presence of people we don't know would fill slixmpp's roster.
            return not self._people.may_see(sender)
        if self._people.may_see(sender):
            self._send(sender, "subscribed")
            if not self._sees(sender):
                self._send(sender, "subscribe")
        else:
            self._refuse(sender)
        return True

    def _refuse(self, sender: str) -> None:
        # A flood of requests is not answered with a flood.
        if self._refused.line_due(sender, time.monotonic()):
            _log.info("xmpp_subscription_refused", sender=sender)
            self._send(sender, "unsubscribed")

    async def tidy(self) -> None:
        """Fetch the roster, and end subscriptions of people who are not named any more."""
        try:
            await self._client.get_roster(timeout=self._answer_s)
        except (IqError, IqTimeout):
            _log.warning("xmpp_roster_unavailable")
            return
        for jid in list(self._client.client_roster):
            bare = str(jid)
            item = self._client.client_roster[jid]
            if item["from"] and not self._people.may_see(bare) and bare != self._client.own:
                _log.info("xmpp_subscription_withdrawn", sender=bare)
                self._send(bare, "unsubscribed")

    def _sees(self, bare_jid: str) -> bool:
        return bool(self._client.client_roster[JID(bare_jid)]["to"])

    def _send(self, to: str, kind: str) -> None:
        self._client.send_presence(pto=JID(to), ptype=kind)  # type: ignore[arg-type]
