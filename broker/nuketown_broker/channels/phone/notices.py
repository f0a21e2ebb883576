"""The notices that stand in chats: which request each is about, and how it ended. Pure: no I/O."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from nuketown_broker.channels.phone.code import draw_code
from nuketown_broker.channels.phone.notice_text import is_whole
from nuketown_broker.contract import Question, Settled

_REMEMBERED = 300


@dataclass
class Notice:
    """One request, as it stands in one or more chats."""

    question: Question
    code: str
    message_ids: dict[str, str] = field(default_factory=dict)
    """Bare JID → id of the message that is corrected in place."""
    unsent: set[str] = field(default_factory=set)
    """Bare JIDs that have not been sent it, or its newest state, yet."""
    settled: Settled | None = None
    ended_at: float = 0.0
    """On the monotonic clock, in seconds."""

    @property
    def whole(self) -> bool:
        """Does it show everything that is asked?"""
        return is_whole(self.question)

    def is_answered_by(self, approver: str) -> bool:
        """Was it this approver's answer in chat that ended it?"""
        answer = self.settled.answer if self.settled else None
        return answer is not None and answer.channel == "chat" and answer.answerer == approver


class Notices:
    """All that wait, and the newest that ended."""

    def __init__(self) -> None:
        self._by_code: OrderedDict[str, Notice] = OrderedDict()
        self._by_message: dict[tuple[str, str], Notice] = {}

    def add(self, question: Question) -> Notice:
        """A new one, with a code that no other has."""
        notice = Notice(question, draw_code(self._by_code))
        self._by_code[notice.code] = notice
        ended = [n for n in self._by_code.values() if n.settled is not None]
        for old in ended[: max(0, len(ended) - _REMEMBERED)]:
            self._forget(old)
        return notice

    def sent(self, notice: Notice, to: str, message_id: str) -> None:
        """``message_id`` is about it: the notice, or a correction."""
        notice.message_ids.setdefault(to, message_id)
        self._by_message[to, message_id] = notice

    def waiting(self) -> list[Notice]:
        """Those that are not settled, oldest first."""
        return [n for n in self._by_code.values() if n.settled is None]

    def all(self) -> Iterable[Notice]:
        """Every one that is remembered."""
        return list(self._by_code.values())

    def with_code(self, code: str) -> Notice | None:
        """The one whose code it is."""
        return self._by_code.get(code)

    def of_message(self, to: str, message_id: str) -> Notice | None:
        """The one that the message ``message_id`` to ``to`` is about."""
        return self._by_message.get((to, message_id))

    def of_request(self, request_id: str) -> Notice | None:
        """The one about a request that waits."""
        return next((n for n in self.waiting() if n.question.request.id == request_id), None)

    def settle(self, question: Question, settled: Settled) -> Notice | None:
        """Note the end; None: there is no notice."""
        notice = self.of_request(question.request.id)
        if notice is not None:
            notice.settled = settled
            notice.ended_at = time.monotonic()
        return notice

    def ended_since(self, seconds: float) -> list[Notice]:
        """Those that ended within so many seconds."""
        since = time.monotonic() - seconds
        return [n for n in self._by_code.values() if n.settled and n.ended_at > since]

    def _forget(self, notice: Notice) -> None:
        del self._by_code[notice.code]
        self._by_message = {k: n for k, n in self._by_message.items() if n is not notice}
