"""The questions that wait for a human, and who is told about them. Each is decided once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nuketown_approval.lines import PendingEvent
from nuketown_broker.contract import Answer, Question, Settled

_REMEMBERED = 500
_QUEUE = 200


@dataclass(frozen=True)
class Waiting:
    """A question that waits; the first to set ``decided`` decides."""

    question: Question
    decided: asyncio.Future[Answer | Settled]

    def decide(self, how: Answer | Settled) -> bool:
        """Decide, unless it was decided before."""
        if self.decided.done():
            return False
        self.decided.set_result(how)
        return True


class PendingRequests:
    """By id. Everything here happens on the event loop, between two awaits: nothing is atomic by
    luck.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._settled: OrderedDict[str, Settled] = OrderedDict()
        self._watchers: set[asyncio.Queue[PendingEvent]] = set()

    def add(self, question: Question) -> Waiting:
        """Begin to wait; ids that wait are unique (:class:`Admission` sees to it)."""
        request = question.request
        assert request.id not in self._waiting
        waiting = Waiting(question, asyncio.get_running_loop().create_future())
        self._waiting[request.id] = waiting
        self._tell("pending", question, None)
        return waiting

    def remove(self, waiting: Waiting, settled: Settled) -> None:
        """End of the waiting."""
        request = waiting.question.request
        del self._waiting[request.id]
        self._settled[request.id] = settled
        while len(self._settled) > _REMEMBERED:
            self._settled.popitem(last=False)
        self._tell("settled", waiting.question, settled.result)

    def get(self, request_id: str) -> Waiting | None:
        """The question with this id, if it still waits."""
        return self._waiting.get(request_id)

    def settled(self, request_id: str) -> Settled | None:
        """How a question ended that does not wait any more; None: never heard of, or long ago."""
        return self._settled.get(request_id)

    def all(self) -> list[Waiting]:
        """Every question that waits, oldest first."""
        return list(self._waiting.values())

    def count(self, agent: str) -> int:
        """Questions of this agent that wait."""
        return sum(waiting.question.asker.agent == agent for waiting in self._waiting.values())

    @contextmanager
    def watch(self) -> Iterator[asyncio.Queue[PendingEvent]]:
        """Hear of questions that come and go; who does not listen loses the oldest."""
        queue: asyncio.Queue[PendingEvent] = asyncio.Queue(_QUEUE)
        self._watchers.add(queue)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def _tell(self, event: str, question: Question, result: str | None) -> None:
        request = question.request
        told = PendingEvent.model_validate(
            {
                "event": event,
                "id": request.id,
                "agent": question.asker.agent,
                "kind": request.kind,
                "result": result,
            }
        )
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(told)
