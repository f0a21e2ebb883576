"""What approvers say in the chat with this broker's own account, and what it makes of it.

Only here chat becomes an answer: the sender is an approver's bare JID as the server stamped it, and
the message is one that :func:`~nuketown_broker.channels.phone.reading.read_answer` lets count.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from xml.etree import ElementTree as ET

import structlog
from slixmpp import JID
from slixmpp.stanza import Message

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_broker.accounts.account import Account
from nuketown_broker.channels.phone.answer_text import TypedAnswer, parse_answer
from nuketown_broker.channels.phone.notice_text import HOW_TO_ANSWER, summary
from nuketown_broker.channels.phone.notices import Notice, Notices
from nuketown_broker.channels.phone.reading import NotCounted, Reacted, Said, read_answer
from nuketown_broker.contract import Answer, AnswerCallback

_WAITING = 200
_REPLIES_A_MINUTE = 20
"""So that two programs can't talk to each other for ever."""
_JUST_ENDED_S = 3.0
"""A bare yes so soon after another request ended may have been meant for that one."""
_THUMBS = {"👍": TypedAnswer("approved"), "👎": TypedAnswer("denied")}
_log = structlog.get_logger(__name__)


class ChatAnswers:
    """Takes messages of approvers in, gives answers to the broker, says what did not count.

    :param approvers: bare JIDs, asked for each time
    :param can_only_deny: verdicts are signed, and the chat server could have written a yes
    """

    def __init__(
        self,
        account: Account,
        notices: Notices,
        answer: AnswerCallback,
        *,
        approvers: Callable[[], Collection[str]],
        can_only_deny: bool,
    ) -> None:
        self._account = account
        self._notices = notices
        self._answer = answer
        self._approvers = approvers
        self._can_only_deny = can_only_deny
        self._said: asyncio.Queue[tuple[str, str, ET.Element]] = asyncio.Queue(_WAITING)
        self._replies: deque[float] = deque()
        account.on_message(self._take)

    def _take(self, stanza: Message, sender: JID) -> None:
        if sender.bare in self._approvers():
            if self._said.full():
                _log.warning("an approver says more than can be heard", sender=sender.bare)
                return
            self._said.put_nowait((sender.bare, sender.full, stanza.xml))

    async def run(self) -> None:
        """Answer one message after the other, until cancelled."""
        while True:
            approver, full, xml = await self._said.get()
            try:
                self._acknowledge(full, xml)
                await self._hear(approver, xml)
            except Exception:  # noqa: BLE001  (one bad message ends nothing)
                _log.exception("an answer by chat failed", sender=approver)

    async def _hear(self, approver: str, xml: ET.Element) -> None:
        said = read_answer(xml)
        if isinstance(said, NotCounted):
            self.say(approver, said.value)
        elif isinstance(said, Reacted):
            await self._reacted(approver, said)
        elif isinstance(said, Said):
            await self._typed(approver, said)

    async def _reacted(self, approver: str, said: Reacted) -> None:
        notice = self._notices.of_message(approver, said.message_id)
        typed = [_THUMBS[emoji] for emoji in sorted(said.emojis & _THUMBS.keys())]
        if notice is None or not typed:
            return
        if len(typed) > 1:
            self.say(approver, "👍 and 👎 together is no answer: please keep one of them.")
            return
        if notice.settled is not None and notice.is_answered_by(approver):
            return  # its own thumb, told again beside another emoji
        await self._give(approver, notice, typed[0])

    async def _typed(self, approver: str, said: Said) -> None:
        typed = parse_answer(said.text)
        if typed is None:
            self.say(approver, HOW_TO_ANSWER)
            return
        notice = self._meant(approver, typed)
        if isinstance(notice, str):
            self.say(approver, notice)
            return
        replied = self._notices.of_message(approver, said.reply_to) if said.reply_to else None
        if replied is not None and replied is not notice:
            self.say(
                approver,
                "That was a reply to another request than it would have answered, so it did not "
                f"count. {self._which()}",
            )
            return
        await self._give(approver, notice, typed)

    def _meant(self, approver: str, typed: TypedAnswer) -> Notice | str:
        """The notice that is answered, or the sentence that says why none is."""
        if typed.code is not None:
            notice = self._notices.with_code(typed.code)
            return notice or f"No request has the code {typed.code}. {self._which()}"
        waiting = self._notices.waiting()
        if len(waiting) != 1:
            ended = self._notices.ended_since(300)
            if not waiting and ended:
                return f"Already decided: {_how_ended(ended[-1])}."
            return self._which()
        hasty = [
            n for n in self._notices.ended_since(_JUST_ENDED_S) if not n.is_answered_by(approver)
        ]
        if hasty and typed.result == "approved":
            return f"Another request has just ended ({_how_ended(hasty[-1])}). {self._which()}"
        return waiting[0]

    async def _give(self, approver: str, notice: Notice, typed: TypedAnswer) -> None:
        if notice.settled is not None:
            self.say(approver, f"Already decided: {_how_ended(notice)}.")
            return
        if typed.result == "approved" and (self._can_only_deny or not notice.whole):
            self.say(
                approver,
                "That can only be approved at the desk; a no counts here too. It still waits.",
            )
            return
        answer = Answer(
            typed.result, "chat", approver, minutes=typed.minutes, for_task=typed.for_task
        )
        try:
            counted = await self._answer(notice.question.request.id, answer)
        except ApprovalProtocolError as exc:
            self.say(approver, f"That did not count: {exc}")
            return
        if not counted:
            self.say(approver, "Already decided, just now: the request says how.")

    def _which(self) -> str:
        waiting = self._notices.waiting()
        if not waiting:
            return "Nothing waits for an answer."
        lines = [f"yes {n.code} or no {n.code}: {summary(n.question)}" for n in waiting[:20]]
        more = [f"… and {len(waiting) - 20} more"] if len(waiting) > 20 else []
        return "\n".join(["Please say which:", *lines, *more])

    def say(self, to: str, text: str) -> None:
        """Say something short; not for ever to somebody who always has an answer."""
        now = time.monotonic()
        while self._replies and now - self._replies[0] > 60:
            self._replies.popleft()
        if len(self._replies) < _REPLIES_A_MINUTE:
            self._replies.append(now)
            self._account.send(self._account.message(to, "chat", text))

    def _acknowledge(self, to: str, xml: ET.Element) -> None:
        message_id = xml.get("id")
        wanted = xml.find("{urn:xmpp:receipts}request") is not None
        if wanted and message_id and xml.get("type") == "chat":
            receipt = self._account.message(to, "chat")
            receipt["receipt"] = message_id
            self._account.send(receipt)


def _how_ended(notice: Notice) -> str:
    return notice.settled.sentence if notice.settled is not None else "just now"
