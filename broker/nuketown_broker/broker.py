"""The core: request → policy → all channels at once → first valid answer → audit → verdict.

Everything that fails on the way denies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog

from nuketown_approval.errors import ApprovalError, ApprovalProtocolError
from nuketown_approval.request import ApprovalRequest, SudoCommand
from nuketown_approval.verdict import Verdict
from nuketown_broker.admission import Admission
from nuketown_broker.answers import AT_THE_DESK, check_answer, sentence_of
from nuketown_broker.asking import SHOW_S, Asking
from nuketown_broker.audit.account import Account
from nuketown_broker.contract import (
    Answer,
    Asker,
    Channel,
    Decision,
    Question,
    Ruling,
    Settled,
)
from nuketown_broker.lookups import Lookups
from nuketown_broker.open_list import OpenList
from nuketown_broker.pending import PendingRequests
from nuketown_broker.policy.in_force import Policy
from nuketown_broker.rate_limit import RateLimit

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What an asker is told."""

    verdict: Verdict
    decision: Decision
    confined: bool
    """A rule or a grant allowed it: it runs in ``/``, without input."""


@dataclass(frozen=True)
class Keys:
    """``approver_key``: what this broker signs with, and what it wants signatures of."""

    signing: Ed25519PrivateKey | None = None
    verifying: Ed25519PublicKey | None = None


class Broker:
    """Decides requests. Use as ``async with``: leaving it denies what is pending.

    :param channels: ways to ask a human; those that are ready are asked all at once
    :param host: name of this machine
    :param clock: Unix seconds
    """

    def __init__(
        self,
        *,
        policy: Policy,
        account: Account,
        open_list: OpenList,
        host: str,
        channels: Sequence[Channel] = (),
        keys: Keys | None = None,
        limit: RateLimit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy
        self._lookups = Lookups()
        self._account = account
        self._open_list = open_list
        self.channels: list[Channel] = list(channels)
        self._keys = keys or Keys()
        self._limit = limit or RateLimit()
        self._admission = Admission(host)
        self._clock = clock
        self._stopping = False
        self._signable_grants: set[str] = set()
        """Rules that were written, and grants that were given, at the desk."""
        self._deciding: set[asyncio.Task[Any]] = set()
        self.pending = PendingRequests()
        self._asking = Asking(
            self.channels,
            self.pending,
            account=account,
            open_list=open_list,
            time_for=self._time_for,
            conclude=self._conclude,
        )

    async def __aenter__(self) -> Self:
        for left in self._open_list.left:
            log.warning("denied: the broker was restarted", id=left.id, agent=left.agent)
            await self._account.left_open(left)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
        self._lookups.close()

    async def stop(self) -> None:
        """Deny all that is pending, and say so to askers and channels."""
        self._stopping = True
        stopped = Settled("denied", "broker stopped", "denied: the broker stopped")
        for waiting in self.pending.all():
            waiting.decide(stopped)
        if self._deciding:
            await asyncio.wait(set(self._deciding), timeout=SHOW_S)
        await self._asking.finish()

    async def submit(
        self,
        request: ApprovalRequest,
        asker: Asker,
        *,
        ask: bool = True,
        stdin_bytes: int | None = None,
        gone: asyncio.Event | None = None,
        waits: Callable[[], None] | None = None,
    ) -> Outcome:
        """Decide a request; every failure denies.

        :param asker: who asks, proven by the kernel or the server
        :param ask: False: no human is asked
        :param gone: set when the asker is not there any more, which withdraws the request
        :param waits: called when a human is being asked
        :raises ApprovalProtocolError: the request is not one that can be judged; nothing was shown
        """
        now = self._clock()
        task = asyncio.current_task()
        assert task is not None
        self._deciding.add(task)
        try:
            await self._admit(request, asker, now)
            decision = await self._decide(request, asker)
            question = Question(
                request, asker, decision, self._policy.role_of(asker.agent), now, stdin_bytes
            )
            settled, channels = self._at_once(question, ask=ask)
            if settled is None:
                settled = await self._asking.ask(question, channels, gone, waits)
            else:
                await self._account.decided(question, settled)
            return self._outcome(question, settled)
        except ApprovalProtocolError:
            raise
        except ApprovalError as exc:
            return self._failed(request, str(exc))
        except Exception:
            log.exception("a request failed", id=request.id, agent=asker.agent)
            return self._failed(request, "the broker failed at this request: denied.")
        finally:
            self._deciding.discard(task)

    async def _admit(self, request: ApprovalRequest, asker: Asker, now: float) -> None:
        sentence = self._limit.request(asker.agent, now=now)
        if sentence is None and self.pending.get(request.id) is not None:
            sentence = "a request with this id is pending: make a new one."
        if sentence is None:
            try:
                self._admission.admit(request, asker, now=now)
            except ApprovalProtocolError as exc:
                sentence = str(exc)
        if sentence is not None:
            await self._account.refused(asker, sentence, request, now=now)
            raise ApprovalProtocolError(sentence)

    async def _decide(self, request: ApprovalRequest, asker: Asker) -> Decision:
        try:
            facts = await self._lookups.run(asker.agent, self._policy.look, request, asker)
            return self._policy.decide(request, asker, now=self._clock(), facts=facts)
        except ApprovalError as exc:
            return Decision(Ruling.DENY, "refused", str(exc))
        except Exception:
            log.exception("the policy failed", id=request.id, agent=asker.agent)
            return Decision(Ruling.DENY, "refused", "The policy failed at this request.")

    def _at_once(self, question: Question, *, ask: bool) -> tuple[Settled | None, list[Channel]]:
        """What needs no human, or must not reach one; else the channels to ask."""
        request, asker, decision = question.request, question.asker, question.decision
        if self._stopping:
            return Settled("denied", "broker stopped", "the broker stops"), []
        if decision.ruling is Ruling.ALLOW:
            return Settled("approved", "ruled", f"{decision.rule}: {decision.why}"), []
        if decision.ruling is Ruling.DENY:
            return Settled("denied", "ruled", f"{decision.rule}: {decision.why}"), []
        if not ask:
            sentence = "a human would have to be asked, and was not to be"
            return Settled("denied", "nobody to ask", sentence), []
        channels = self._asking.ready()
        if not channels:
            return Settled("denied", "nobody to ask", self._asking.why_nobody()), []
        sentence_or_none = self._limit.ask(
            asker.agent,
            request.grant_digest,
            pending=self.pending.count(asker.agent),
            now=self._clock(),
        )
        if sentence_or_none:
            return Settled("denied", "ruled", sentence_or_none), []
        return None, channels

    def _time_for(self, request: ApprovalRequest) -> float:
        return min(self._policy.timeout_of(request.agent), float(request.expires) - self._clock())

    async def _conclude(self, question: Question, decided: Answer | Settled) -> Settled:
        ended = await self._settle(question, decided)
        await self._account.settled(question, ended)
        await self._grant(question, ended)
        return ended

    async def _settle(self, question: Question, decided: Answer | Settled) -> Settled:
        """Make the end of an answer; the policy has the last word over a yes."""
        if isinstance(decided, Settled):
            return decided
        now = self._clock()
        request = question.request
        sentence = sentence_of(decided, now=now)
        if decided.result == "denied":
            self._limit.denied(request.agent, request.grant_digest, sentence, now=now)
            return Settled("denied", "answered", sentence, decided)
        again = await self._decide(request, question.asker)
        if again.ruling is Ruling.DENY:
            return Settled("denied", "ruled", f"{again.rule}: {again.why}", decided)
        return Settled("approved", "answered", sentence, decided)

    async def _grant(self, question: Question, settled: Settled) -> None:
        answer = settled.answer
        if settled.result != "approved" or answer is None:
            return
        if answer.minutes is None and not answer.for_task:
            return
        request, asker = question.request, question.asker
        grant = self._policy.grant(
            request,
            minutes=answer.minutes,
            given_by=f"{answer.answerer} on {answer.channel}",
            now=self._clock(),
            asker=asker,
            facts=await self._lookups.run(asker.agent, self._policy.look, request, asker),
        )
        try:
            await self._account.granted(question, grant)
        except ApprovalError:
            self._policy.revoke(grant.id)
            raise
        if answer.channel in AT_THE_DESK:
            self._signable_grants.add(f"grant {grant.id}")

    async def answer(self, request_id: str, answer: Answer) -> bool:
        """Take a human's answer (contract.AnswerCallback).

        :return: False: it was decided already; :meth:`PendingRequests.settled` says how
        :raises ApprovalProtocolError: the answer does not count; the question still waits
        """
        waiting = self.pending.get(request_id)
        if waiting is None or waiting.decided.done():
            return False
        try:
            check_answer(answer, waiting.question, self._keys.verifying, now=self._clock())
        except ApprovalProtocolError as exc:
            await self._account.answer_refused(waiting.question, answer, str(exc))
            raise
        return waiting.decide(answer)

    def _outcome(self, question: Question, settled: Settled) -> Outcome:
        request, decision = question.request, question.decision
        if settled.result == "approved" and self._clock() >= request.expires:
            return self._failed(request, "the request has expired: denied.")
        verdict = Verdict.on(request, settled.result, settled.sentence[:500])
        answer = settled.answer
        if self._keys.signing is not None and self._may_sign(decision, answer):
            verdict = verdict.sign(self._keys.signing)
        by_rule = decision.ruling is Ruling.ALLOW and isinstance(request.payload, SudoCommand)
        return Outcome(verdict, decision, confined=by_rule and settled.result == "approved")

    def _may_sign(self, decision: Decision, answer: Answer | None) -> bool:
        """Signed is what no chat server can have written: answers, rules and grants of the desk."""
        if answer is not None:
            return answer.channel in AT_THE_DESK
        if decision.rule.startswith("grant "):
            return decision.rule in self._signable_grants
        return decision.ruling is not Ruling.ASK

    def _failed(self, request: ApprovalRequest, sentence: str) -> Outcome:
        decision = Decision(Ruling.DENY, "refused", sentence)
        return Outcome(Verdict.on(request, "denied", sentence[:500]), decision, confined=False)
