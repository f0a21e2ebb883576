"""How a device asks: a request stanza with a body to the human's side, and the first answer counts.

The human-side broker answers with a response stanza; without one, the human's chat client shows the
body and the approver answers in the chat with the device's account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

import structlog
from slixmpp import JID
from slixmpp.stanza import Message

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.stanza import RESPONSE, read_verdict
from nuketown_broker.accounts.own import OwnAccount
from nuketown_broker.channels.phone.notice_channel import Part
from nuketown_broker.channels.phone.notices import Notice
from nuketown_broker.channels.phone.phone import PhoneChannel
from nuketown_broker.contract import Answer, AnswerCallback, Question, Settled
from nuketown_broker.open_list import OpenList

RECEIPT_S = 5.0
"""No receipt (XEP-0184) within so many seconds: the human's bare JID is asked too."""
_RESPONSES_WAITING = 200
_log = structlog.get_logger(__name__)


class DeviceAsker(PhoneChannel):
    """Implements :class:`~nuketown_broker.contract.Channel` for the roles device and cluster.

    :param first: bare JID that is asked first (``approval_jid``, else ``human_jid``)
    :param human: bare JID of the human, asked where ``first`` does not acknowledge
    """

    name = "stanza"

    def __init__(
        self,
        account: OwnAccount,
        answer: AnswerCallback,
        open_list: OpenList,
        *,
        first: str,
        human: str | None,
        approvers: Callable[[], Collection[str]],
        can_only_deny: bool,
        parts: Sequence[Part] = (),
        receipt_s: float = RECEIPT_S,
    ) -> None:
        super().__init__(
            account,
            answer,
            open_list,
            approvers=approvers,
            can_only_deny=can_only_deny,
            parts=(*parts, self._take_responses),
        )
        self._first = first
        self._human = human if human != first else None
        self._answer = answer
        self._receipt_s = receipt_s
        self._received: dict[str, asyncio.Event] = {}
        self._responses: asyncio.Queue[tuple[str, Message]] = asyncio.Queue(_RESPONSES_WAITING)
        self._falling_back: set[asyncio.Task[None]] = set()
        account.on_message(self._take)

    async def ask(self, question: Question) -> None:
        """Send the request; without a receipt, again to the human.

        :raises ApprovalUnavailable: it could not be handed to the server
        """
        if self._human is not None:
            self._received[question.request.id] = asyncio.Event()
            task = asyncio.create_task(self._fall_back(question), name="fallback")
            self._falling_back.add(task)
            task.add_done_callback(self._falling_back.discard)
        await super().ask(question)

    async def settle(self, question: Question, settled: Settled) -> None:
        """Correct what was shown, and tell the other broker that nobody waits any more."""
        await super().settle(question, settled)
        received = self._received.pop(question.request.id, None)
        if received is not None:
            received.set()

    async def _fall_back(self, question: Question) -> None:
        received = self._received.get(question.request.id, asyncio.Event())
        try:
            async with asyncio.timeout(self._receipt_s):
                await received.wait()
        except TimeoutError:
            self._ask_human(question)

    def _ask_human(self, question: Question) -> None:
        notice = self._notices.of_request(question.request.id)
        if notice is None or self._human is None or self._human in notice.message_ids:
            return
        _log.info("no receipt: the human's account is asked too", id=question.request.id)
        self._send_notice(notice, self._human, self._new_id(question))
        self._note(question, notice.message_ids)

    def _recipients(self) -> list[str]:
        return [self._first]

    def _new_id(self, question: Question) -> str:
        return question.request.id

    def _notice(self, notice: Notice, to: str, message_id: str) -> Message:
        stanza = super()._notice(notice, to, message_id)
        stanza["approval"]["request"] = notice.question.request
        stanza["request_receipt"] = True
        return stanza

    def _correction(self, notice: Notice, to: str) -> Message:
        stanza = super()._correction(notice, to)
        stanza["approval_withdrawn"]["id"] = notice.question.request.id
        return stanza

    def _take(self, stanza: Message, sender: JID) -> None:
        if sender.bare not in (self._first, self._human):
            return
        if stanza.xml.get("type") == "error":
            self._bounced(stanza, sender.bare)
            return
        receipt = stanza.xml.find("{urn:xmpp:receipts}received")
        if receipt is not None:
            received = self._received.get(receipt.get("id", ""))
            if received is not None:
                received.set()
        if len(stanza.xml.findall(RESPONSE)) == 1 and not self._responses.full():
            self._responses.put_nowait((sender.bare, stanza))

    def _bounced(self, stanza: Message, sender: str) -> None:
        notice = self._notices.of_request(stanza.xml.get("id", ""))
        if notice is not None and sender == self._first:
            _log.warning("the request came back", to=sender, id=notice.question.request.id)
            self._ask_human(notice.question)

    async def _take_responses(self) -> None:
        while True:
            sender, stanza = await self._responses.get()
            try:
                await self._respond(sender, stanza)
            except ApprovalProtocolError as exc:
                _log.warning("a response did not count", sender=sender, reason=str(exc))
            except Exception:  # noqa: BLE001  (one bad stanza ends nothing)
                _log.exception("a response failed", sender=sender)

    async def _respond(self, sender: str, stanza: Message) -> None:
        element = stanza.xml.find(RESPONSE)
        assert element is not None
        verdict = read_verdict(element)
        notice = self._notices.of_request(verdict.id)
        if notice is None or sender not in notice.message_ids:
            raise ApprovalProtocolError("it is not about a request that this account was asked.")
        # Digest, expiry and signature: nuketown_broker.answers.
        await self._answer(verdict.id, Answer(verdict.result, "stanza", sender, verdict=verdict))
