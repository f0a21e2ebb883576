"""Notices: one message per request to each who is told, corrected in place (XEP-0308)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from xml.etree import ElementTree as ET

from slixmpp.stanza import Message

from nuketown_approval.errors import ApprovalUnavailable
from nuketown_broker.accounts.account import Account
from nuketown_broker.channels.phone.notice_text import correction, ended, summary
from nuketown_broker.channels.phone.notices import Notice, Notices
from nuketown_broker.contract import Question, Settled
from nuketown_broker.open_list import OpenList

_UNSTYLED = "{urn:xmpp:styling:0}unstyled"
_RESTARTED = "denied: the broker restarted"
Part = Callable[[], Awaitable[None]]


class NoticeChannel(ABC):
    """Implements :class:`~nuketown_broker.contract.Channel`; runs the account it speaks from.

    :param parts: what else runs as long as this
    """

    name: str

    def __init__(
        self, account: Account, open_list: OpenList, *, parts: Sequence[Part] = ()
    ) -> None:
        self._account = account
        self._open_list = open_list
        self._notices = Notices()
        self._parts = parts
        self._left = {
            (jid, str(message_id)): str(kept.get("line", ""))
            for left in open_list.left
            if isinstance(kept := left.notices.get(self.name), dict)
            for jid, message_id in kept.get("messages", {}).items()
        }
        """What an earlier broker left standing: (to, id) → its line."""
        account.on_up(self._up)

    @property
    def ready(self) -> bool:
        """Is the account online?"""
        return self._account.online

    async def run(self) -> None:
        """Be online until cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in (self._account.run, *self._parts):
                group.create_task(_run(part))

    async def ask(self, question: Question) -> None:
        """Send the notice.

        :raises ApprovalUnavailable: it could not be handed to the server
        """
        notice = self._notices.add(question)
        recipients = self._recipients()
        ids = {jid: self._new_id(question) for jid in recipients}
        # Before it is sent: a broker that is killed can correct what it left standing.
        self._note(question, ids)
        sent = [self._send_notice(notice, jid, message_id) for jid, message_id in ids.items()]
        if not any(sent):
            raise ApprovalUnavailable(f"the account {self._account.jid} is not online.")

    async def settle(self, question: Question, settled: Settled) -> None:
        """Correct the notice."""
        notice = self._notices.settle(question, settled)
        if notice is not None:
            for jid in list(notice.message_ids):
                self._correct(notice, jid)

    def _note(self, question: Question, messages: dict[str, str]) -> None:
        kept = {"messages": dict(messages), "line": summary(question)}
        self._open_list.note(question.request.id, self.name, kept)

    @abstractmethod
    def _recipients(self) -> list[str]:
        """Bare JIDs that are told of a request."""

    @abstractmethod
    def _notice(self, notice: Notice, to: str, message_id: str) -> Message:
        """What ``to`` is told."""

    def _new_id(self, question: Question) -> str:  # noqa: ARG002  (a device's is the request's)
        return str(self._account.client.new_id())

    def _send_notice(self, notice: Notice, to: str, message_id: str) -> bool:
        self._notices.sent(notice, to, message_id)
        sent = self._account.send(self._notice(notice, to, message_id))
        if not sent:
            notice.unsent.add(to)
        return sent

    def _correct(self, notice: Notice, to: str) -> None:
        assert notice.settled is not None
        stanza = self._correction(notice, to)
        self._notices.sent(notice, to, stanza["id"])
        if self._account.send(stanza):
            notice.unsent.discard(to)
        else:
            notice.unsent.add(to)

    def _correction(self, notice: Notice, to: str) -> Message:
        assert notice.settled is not None
        stanza = self._plain(to, correction(summary(notice.question), notice.settled))
        stanza["replace"]["id"] = notice.message_ids[to]
        return stanza

    def _plain(self, to: str, text: str) -> Message:
        stanza = self._account.message(to, "chat", text)
        # A command's asterisks are no emphasis (XEP-0393 §6).
        stanza.xml.append(ET.Element(_UNSTYLED))
        return stanza

    def _up(self) -> None:
        """A session is up: say what could not be said."""
        for notice in self._notices.all():
            for jid in sorted(notice.unsent):
                if notice.settled is not None:
                    self._correct(notice, jid)
                elif self._account.send(self._notice(notice, jid, notice.message_ids[jid])):
                    notice.unsent.discard(jid)
        for (jid, message_id), line in list(self._left.items()):
            stanza = self._plain(jid, ended(line, "denied", _RESTARTED))
            stanza["replace"]["id"] = message_id
            if self._account.send(stanza):
                del self._left[jid, message_id]


async def _run(part: Part) -> None:
    await part()
