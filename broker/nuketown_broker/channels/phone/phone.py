"""The phone: a notice to each approver from the broker's own account, answered in that chat."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from slixmpp.stanza import Message

from nuketown_broker.accounts.own import OwnAccount
from nuketown_broker.channels.phone.chat_answers import ChatAnswers
from nuketown_broker.channels.phone.notice_channel import NoticeChannel, Part
from nuketown_broker.channels.phone.notice_text import HOW_TO_ANSWER, choices
from nuketown_broker.channels.phone.notice_text import (
    notice as notice_text,
)
from nuketown_broker.channels.phone.notices import Notice
from nuketown_broker.contract import AnswerCallback
from nuketown_broker.open_list import OpenList


class PhoneChannel(NoticeChannel):
    """Notices, and the answers to them.

    :param answer: the broker's
    :param approvers: bare JIDs that are asked and may answer, asked for each time
    :param can_only_deny: see :class:`ChatAnswers`
    :param parts: what else runs as long as this
    """

    name = "chat"

    def __init__(
        self,
        account: OwnAccount,
        answer: AnswerCallback,
        open_list: OpenList,
        *,
        approvers: Callable[[], Collection[str]],
        can_only_deny: bool,
        parts: Sequence[Part] = (),
    ) -> None:
        super().__init__(account, open_list, parts=(*parts, self._take_answers))
        self._approvers = approvers
        self._can_only_deny = can_only_deny
        self._chat = ChatAnswers(
            account, self._notices, answer, approvers=approvers, can_only_deny=can_only_deny
        )
        account.on_contact(lambda approver: self._chat.say(approver, HOW_TO_ANSWER))

    async def _take_answers(self) -> None:
        await self._chat.run()

    def _recipients(self) -> list[str]:
        return sorted(self._approvers())

    def _notice(self, notice: Notice, to: str, message_id: str) -> Message:
        can_approve = not self._can_only_deny
        text = notice_text(notice.question, notice.code, can_approve=can_approve)
        stanza = self._plain(to, text)
        stanza["id"] = message_id
        stanza.enable("store")
        for value, label in choices(notice.question, notice.code, can_approve=can_approve):
            response = self._account.client.plugin["xep_0439"].stanza.Response()
            response["value"], response["label"] = value, label
            stanza.append(response)
        return stanza
