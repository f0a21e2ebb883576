"""The broker's own account, "Nuketown approvals": a contact that asks, and that people answer."""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog
from slixmpp import JID
from slixmpp.stanza import Presence

from nuketown_approval.xmpp.client import AccountSettings
from nuketown_approval.xmpp.timing import LinkTiming
from nuketown_broker.accounts.account import Account

_PLUGINS = (
    "xep_0172",  # nickname
    "xep_0184",  # receipts
    "xep_0308",  # correction
    "xep_0334",  # hints
    "xep_0439",  # quick responses
    "xep_0444",  # reactions
)
_log = structlog.get_logger(__name__)


class OwnAccount(Account):
    """Approvers may see whether it is there; nobody else may.

    :param approvers: bare JIDs, asked for each time
    """

    def __init__(
        self,
        settings: AccountSettings,
        password: str,
        *,
        name: str,
        approvers: Callable[[], Collection[str]],
        timing: LinkTiming = LinkTiming(),  # noqa: B008
    ) -> None:
        super().__init__(settings, password, name=name, plugins=_PLUGINS, timing=timing)
        self._name = name
        self._approvers = approvers
        self._on_contact: list[Callable[[str], None]] = []

    def on_contact(self, call: Callable[[str], None]) -> None:
        """Call ``call`` with the bare JID of an approver who adds this account as a contact."""
        self._on_contact.append(call)

    def _answers(self, bare_jid: str) -> bool:
        return bare_jid in self._approvers()

    async def _start_session(self) -> None:
        self.client.send_presence(pnick=self._name, pstatus="Ready to ask")
        await self.client.get_roster(timeout=self._timing.answer_s)
        for jid in list(self.client.client_roster):
            seen_by = self.client.client_roster[jid]["from"]
            if seen_by and str(jid) not in self._approvers() and str(jid) != self.jid:
                _log.info("xmpp_subscription_withdrawn", sender=str(jid))
                self.client.send_presence(pto=JID(jid), ptype="unsubscribed")

    def _take_presence(self, stanza: Presence, sender: JID) -> None:
        if stanza.xml.get("type") != "subscribe" or sender.bare not in self._approvers():
            return
        # A name for the contact list of clients that show none of their own.
        self.client.send_presence(pto=sender.bare, ptype="subscribed", pnick=self._name)
        for call in self._on_contact:
            call(sender.bare)
