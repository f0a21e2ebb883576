"""A resource on the human's account: takes requests that are addressed to the human.

Its negative priority keeps it from what is said to the human (RFC 6121 §8.5.2.1): it gets what our
Prosody module routes to it, and copies (XEP-0280). It says nothing but responses and, where the
broker has no account of its own, notices to the human.
"""

from __future__ import annotations

from slixmpp import JID
from slixmpp.stanza import Message

from nuketown_approval.xmpp.client import AccountSettings
from nuketown_approval.xmpp.forwarded import received_carbon, sender_of
from nuketown_approval.xmpp.timing import LinkTiming
from nuketown_broker.accounts.account import Account

PRIORITY = -1


class Observer(Account):
    """The human's account, as the broker uses it."""

    def __init__(
        self,
        settings: AccountSettings,
        password: str,
        *,
        timing: LinkTiming = LinkTiming(),  # noqa: B008
    ) -> None:
        super().__init__(
            settings,
            password,
            name="Nuketown broker",
            plugins=("xep_0280", "xep_0308", "xep_0334"),
            advertise=True,
            timing=timing,
        )

    async def _start_session(self) -> None:
        try:
            # Copies first, then presence: nothing falls between.
            await self.client.plugin["xep_0280"].enable(timeout=self._timing.answer_s)
        finally:
            self.client.send_presence(ppriority=PRIORITY)

    def _take_message(self, stanza: Message, sender: JID) -> None:
        if sender.bare != self.jid:
            super()._take_message(stanza, sender)
            return
        # From the own account only its server's copies count, and they have no resource
        # (CVE-2017-5589; slixmpp's events compare bare JIDs, so they are not used).
        inner = received_carbon(stanza, self.jid)
        inner_sender = sender_of(inner) if inner is not None else None
        # What the human's own clients say, our notices among it, asks for nothing.
        if inner is not None and inner_sender is not None and inner_sender.bare != self.jid:
            super()._take_message(inner, inner_sender)
