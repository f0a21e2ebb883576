"""What the socket's operations do, and for whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.lines import (
    Allowed,
    Explain,
    Give,
    ListGrants,
    ListPending,
    Operation,
    PendingEvent,
    PendingRequestShown,
    Revoke,
    Submit,
    TaskEnded,
    Watch,
    reply,
)
from nuketown_approval.log_output import visible
from nuketown_approval.request import SudoCommand
from nuketown_approval.wording import effect_in_words
from nuketown_broker.audit.account import Account
from nuketown_broker.broker import Broker, Outcome
from nuketown_broker.channels.command_line import CommandLineChannel
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Answer, Question
from nuketown_broker.intake_socket.callers import Caller, agent_meant, asker_of
from nuketown_broker.policy.in_force import Policy


class Operations:
    """Performs what a :class:`Caller` may; every refusal is an ApprovalError with a sentence."""

    def __init__(
        self,
        broker: Broker,
        policy: Policy,
        account: Account,
        command_line: CommandLineChannel,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._broker = broker
        self._policy = policy
        self._account = account
        self._command_line = command_line
        self._clock = clock

    @property
    def configuration(self) -> Configuration:
        """The one in force."""
        return self._policy.configuration

    async def submit(
        self, submit: Submit, caller: Caller, gone: asyncio.Event, waits: Callable[[], None]
    ) -> Outcome:
        """Ask in the caller's name.

        :raises ApprovalProtocolError: it can't be asked
        """
        try:
            asker = asker_of(submit, caller, self.configuration)
        except ApprovalProtocolError as exc:
            await self._account.stranger(caller.uid, str(exc), now=self._clock())
            raise
        return await self._broker.submit(
            submit.request,
            asker,
            ask=submit.ask,
            stdin_bytes=submit.stdin_bytes,
            gone=gone,
            waits=waits,
        )

    async def perform(self, operation: Operation, caller: Caller) -> dict[str, Any]:
        """Do what has its answer at once.

        :raises ApprovalError: the caller may not, or it can't be done
        """
        match operation:
            case ListPending():
                return reply(pending=self._listed(caller))
            case Give():
                return await self._give(operation, caller)
            case ListGrants(submit_uid=uid):
                return reply(grants=self._grants(uid, caller))
            case Revoke():
                return await self._revoke(operation, caller)
            case Allowed(submit_uid=uid):
                return self._allowed(uid, caller)
            case Explain():
                return await self._explain(operation, caller)
            case TaskEnded():
                return await self._task_ended(caller)
            case Submit() | Watch():
                raise ApprovalProtocolError("this can't be asked here.")

    @contextmanager
    def watch(self, caller: Caller) -> Iterator[asyncio.Queue[PendingEvent]]:
        """Events of every agent; :meth:`may_see` says whose a caller is told."""
        attending = self._command_line.watched() if caller.answers else nullcontext()
        with attending, self._broker.pending.watch() as queue:
            yield queue

    def pending_events(self, caller: Caller) -> list[PendingEvent]:
        """What waits already when a watch begins."""
        return [
            PendingEvent(
                event="pending",
                id=waiting.question.request.id,
                agent=waiting.question.asker.agent,
                kind=waiting.question.request.kind,
            )
            for waiting in self._broker.pending.all()
            if self.may_see(caller, waiting.question.asker.agent)
        ]

    def may_see(self, caller: Caller, agent: str) -> bool:
        """An agent sees its own, an answerer all."""
        return caller.answers or caller.agent == agent

    def _listed(self, caller: Caller) -> list[dict[str, Any]]:
        now = self._clock()
        return [
            _shown(
                waiting.question, self._policy.timeout_of(waiting.question.asker.agent), now
            ).model_dump(mode="json")
            for waiting in self._broker.pending.all()
            if self.may_see(caller, waiting.question.asker.agent)
        ]

    async def _give(self, give: Give, caller: Caller) -> dict[str, Any]:
        if not caller.answers:
            await self._account.stranger(
                caller.uid, f"answered {give.id}, and may not", now=self._clock()
            )
            raise ApprovalProtocolError(f"{caller.name} may not answer requests.")
        waiting = self._broker.pending.get(give.id)
        if (
            waiting is not None
            and give.digest is not None
            and give.digest != waiting.question.request.request_digest
        ):
            raise ApprovalProtocolError(f"{give.id} is about something else now: look again.")
        answer = Answer(
            give.result,
            "command line",
            caller.name,
            minutes=give.minutes,
            for_task=give.for_task,
        )
        if await self._broker.answer(give.id, answer):
            return reply(id=give.id, result=give.result)
        settled = self._broker.pending.settled(give.id)
        if settled is None and waiting is None:
            raise ApprovalProtocolError(f"no request {give.id} is pending.")
        how = f": {settled.sentence}" if settled else ""
        raise ApprovalProtocolError(f"{give.id} was decided already{how}.")

    def _allowed(self, submit_uid: int | None, caller: Caller) -> dict[str, Any]:
        agent = agent_meant(submit_uid, caller, self.configuration)
        if agent is None:
            raise ApprovalProtocolError("you are no agent of broker.toml.")
        return reply(
            pre_approved=list(self._policy.allowed(agent)), grants=self._grants(submit_uid, caller)
        )

    async def _explain(self, explain: Explain, caller: Caller) -> dict[str, Any]:
        if not self.may_see(caller, explain.agent):
            raise ApprovalProtocolError(f"what {explain.agent} may do is not yours to ask.")
        explanation = await asyncio.to_thread(self._policy.explain, explain.agent, explain.argv)
        return reply(**explanation.to_json())

    async def _task_ended(self, caller: Caller) -> dict[str, Any]:
        if caller.agent is None:
            raise ApprovalProtocolError("only an agent's task ends.")
        ended = [grant.id for grant in self._policy.grants.task_ended(caller.agent)]
        for grant in ended:
            await self._account.event(
                "grant-ended", agent=caller.agent, grant=grant, why="task ended"
            )
        return reply(ended=ended)

    def _grants(self, submit_uid: int | None, caller: Caller) -> list[dict[str, Any]]:
        if submit_uid is None and caller.answers:
            found = self._policy.grants.in_force()
        else:
            agent = agent_meant(submit_uid, caller, self.configuration)
            if agent is None:
                raise ApprovalProtocolError("you are no agent of broker.toml.")
            found = self._policy.grants.in_force(agent)
        return [grant.model_dump(mode="json") for grant in found]

    async def _revoke(self, revoke: Revoke, caller: Caller) -> dict[str, Any]:
        agent = agent_meant(revoke.submit_uid, caller, self.configuration)
        everybody = caller.answers and revoke.submit_uid is None
        if not everybody and (agent is None or revoke.agent not in (None, agent)):
            raise ApprovalProtocolError("these grants are not yours to end.")
        whose = revoke.agent if everybody else agent
        ended = []
        for grant in self._policy.grants.in_force(whose):
            if revoke.grant in (None, grant.id) and self._policy.revoke(grant.id):
                ended.append(grant.id)
                await self._account.event(
                    "grant-ended", agent=grant.agent, grant=grant.id, why=f"by {caller.name}"
                )
        if revoke.grant is not None and not ended:
            raise ApprovalProtocolError(f"there is no grant {visible(revoke.grant)[:40]}.")
        return reply(revoked=ended)


def _shown(question: Question, timeout_s: float, now: float) -> PendingRequestShown:
    request, payload = question.request, question.request.payload
    end = min(float(request.expires), question.asked_at + timeout_s)
    sudo = payload if isinstance(payload, SudoCommand) else None
    return PendingRequestShown(
        id=request.id,
        agent=question.asker.agent,
        role=visible(question.role),
        kind=request.kind,
        host=visible(request.host),
        effect=effect_in_words(request),
        cwd=visible(sudo.cwd) if sudo else None,
        run_as=visible(sudo.run_as.user) if sudo else None,
        warnings=tuple(visible(warning) for warning in question.decision.warnings),
        grant_offered=question.decision.grant_offered,
        digest=request.request_digest,
        seconds_left=max(0, round(end - now)),
    )
