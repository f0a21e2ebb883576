"""What the broker does, as records of the audit (docs/audit.md lists them)."""

from __future__ import annotations

from collections import deque
from typing import Any

from nuketown_approval.lines import GrantInForce
from nuketown_approval.log_output import visible
from nuketown_approval.request import ApprovalRequest, SudoCommand
from nuketown_approval.wording import effect_in_words
from nuketown_broker.audit.trail import AuditTrail
from nuketown_broker.contract import Answer, Asker, Question, Settled
from nuketown_broker.open_list import LeftOpen
from nuketown_broker.policy.rules import auto_key

_EFFECT_LIMIT = 8000
_REFUSALS_PER_MINUTE = 30
"""Of one agent, each with a record of its own; the next one that has a record counts the rest."""


class Account:
    """Writes to ``trail``; every method returns when the record is on disk.

    :raises ApprovalUnavailable: (every method) it can't be written, so nothing may be approved
    """

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail
        self._refusals: dict[str, deque[float]] = {}
        self._unrecorded: dict[str, int] = {}

    async def event(self, event: str, **fields: Any) -> None:
        """A record of another kind: started, stopped, grant-revoked, …"""
        await self._trail.append(event, **fields)

    async def refused(
        self, asker: Asker, why: str, request: ApprovalRequest, *, now: float
    ) -> None:
        """A request that was not judged."""
        about = {"id": request.id, "kind": request.kind.value}
        await self._refused(asker.agent, why, {**_asker(asker), **about}, now)

    async def stranger(self, uid: int, why: str, *, now: float) -> None:
        """What a peer on the socket tried and may not."""
        await self._refused(f"uid {uid}", why, {"uid": uid}, now)

    async def _refused(self, who: str, why: str, fields: dict[str, Any], now: float) -> None:
        """A flood of refusals does not become a flood of records."""
        recent = self._refusals.setdefault(who, deque())
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= _REFUSALS_PER_MINUTE:
            self._unrecorded[who] = self._unrecorded.get(who, 0) + 1
            return
        recent.append(now)
        more = self._unrecorded.pop(who, 0)
        counted = {"unrecorded": more} if more else {}
        await self._trail.append("refused", **fields, **counted, why=visible(why))

    async def decided(self, question: Question, settled: Settled) -> None:
        """A request that no human was asked about, with its outcome."""
        key = auto_key(question.request) if question.decision.rule == "auto" else None
        await self._trail.append(
            "request",
            **_question(question),
            **({"wanted": key[2]} if key else {}),
            result=settled.result,
            how=settled.how,
            sentence=visible(settled.sentence),
        )

    async def asked(self, question: Question, channels: list[str]) -> None:
        """A request that is about to be shown."""
        await self._trail.append("request", **_question(question), channels=channels)

    async def answer_refused(self, question: Question, answer: Answer, why: str) -> None:
        """An answer that does not count."""
        await self._trail.append(
            "answer-refused", **_short(question), **_answer(answer), why=visible(why)
        )

    async def settled(self, question: Question, settled: Settled) -> None:
        """The end of a request that was shown."""
        await self._trail.append(
            "outcome",
            **_short(question),
            **(_answer(settled.answer) if settled.answer else {}),
            result=settled.result,
            how=settled.how,
            sentence=visible(settled.sentence),
        )

    async def granted(self, question: Question, grant: GrantInForce) -> None:
        """A yes was for longer than once."""
        await self._trail.append(
            "grant",
            **_short(question),
            grant=grant.id,
            seconds=grant.seconds_left,
            for_task=grant.for_task,
            given_by=visible(grant.given_by),
        )

    async def left_open(self, left: LeftOpen) -> None:
        """A request that was pending when the broker before this one ended."""
        await self._trail.append(
            "outcome",
            id=visible(left.id),
            agent=visible(left.agent),
            kind=visible(left.kind),
            request_digest=visible(left.digest),
            result="denied",
            how="broker restarted",
            sentence="the broker restarted: denied",
        )


def _asker(asker: Asker) -> dict[str, Any]:
    who: dict[str, Any] = {"agent": asker.agent, "origin": asker.origin.value}
    if asker.uid is not None:
        who["uid"] = asker.uid
    if asker.jid is not None:
        who["jid"] = visible(asker.jid)
    return who


def _question(question: Question) -> dict[str, Any]:
    request, decision = question.request, question.decision
    effect = effect_in_words(request)
    if len(effect) > _EFFECT_LIMIT:
        effect = f"{effect[:_EFFECT_LIMIT]}… ({len(effect) - _EFFECT_LIMIT} more characters)"
    fields: dict[str, Any] = {
        **_asker(question.asker),
        "id": request.id,
        "kind": request.kind.value,
        "host": visible(request.host),
        "effect": effect,
        "command_digest": request.command_digest,
        "request_digest": request.request_digest,
        "expires": request.expires,
        "ruling": decision.ruling.value,
        "rule": visible(decision.rule),
        "why": visible(decision.why),
    }
    if decision.warnings:
        fields["warnings"] = [visible(warning) for warning in decision.warnings]
    if isinstance(request.payload, SudoCommand):
        fields["cwd"] = visible(request.payload.cwd)
        fields["run_as"] = visible(request.payload.run_as.user)
        fields["path"] = visible(request.payload.path)
    return fields


def _short(question: Question) -> dict[str, Any]:
    request = question.request
    return {
        "agent": question.asker.agent,
        "id": request.id,
        "kind": request.kind.value,
        "request_digest": request.request_digest,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "answer": answer.result,
        "channel": answer.channel,
        "answerer": visible(answer.answerer),
    }
    if answer.minutes is not None:
        fields["minutes"] = answer.minutes
    if answer.for_task:
        fields["for_task"] = True
    if answer.verdict is not None:
        fields["signed"] = answer.verdict.signature is not None
    return fields
