"""Where the broker has no account of its own: notices in the human's chat with themselves.

Clients show them as what the human sent, some of them twice, and phones may stay silent. They carry
no code and offer no answer: whoever is in that chat is the human's account alone, so that nothing
there tells a question from its answer, and copies of the notices come back to the broker.
"""

from __future__ import annotations

from slixmpp.stanza import Message

from nuketown_broker.channels.phone.notice_channel import NoticeChannel
from nuketown_broker.channels.phone.notice_text import unanswerable_notice
from nuketown_broker.channels.phone.notices import Notice


class OwnChatNotices(NoticeChannel):
    """Tells the human, and takes no answer."""

    name = "own chat"

    def _recipients(self) -> list[str]:
        return [self._account.jid]

    def _notice(self, notice: Notice, to: str, message_id: str) -> Message:
        stanza = self._plain(to, unanswerable_notice(notice.question))
        stanza["id"] = message_id
        stanza.enable("store")
        return stanza
