"""Grants: this exact command, for some minutes or for the agent's task. In memory only."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from nuketown_approval.lines import GrantInForce
from nuketown_approval.request import ApprovalRequest
from nuketown_approval.wording import effect_in_words

MINUTES_LIMIT = 60
"""Longest grant, also of one for a task."""


def _seconds_since_boot() -> float:
    """A clock that nobody sets and that goes on while the machine sleeps (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Grant:
    """A yes that holds for a while, for one command of one agent."""

    id: str
    agent: str
    digest: str
    """``grant_digest``; nothing similar is covered."""
    command: str
    """In words."""
    given_by: str
    ends: float
    """On the broker's clock, in seconds."""
    for_task: bool


class Grants:
    """All grants of a broker; a restart ends them.

    :param clock: seconds, never set back
    """

    def __init__(self, clock: Callable[[], float] = _seconds_since_boot) -> None:
        self._clock = clock
        self._grants: dict[str, Grant] = {}

    def give(
        self, request: ApprovalRequest, *, given_by: str, minutes: int | None, for_task: bool
    ) -> Grant:
        """Remember a yes to ``request``; whether one may be offered is the policy's to say.

        :param minutes: 1 to 60; None with ``for_task``
        :raises ValueError: for longer, or for neither minutes nor a task
        """
        if minutes is None and not for_task:
            raise ValueError("a grant is for minutes or for a task")
        length = MINUTES_LIMIT if minutes is None else minutes
        if not 1 <= length <= MINUTES_LIMIT:
            raise ValueError(f"a grant is for 1 to {MINUTES_LIMIT} minutes, not {length}")
        self._expire()
        for old in [g for g in self._grants.values() if self._covers(g, request)]:
            del self._grants[old.id]  # the later answer counts
        grant = Grant(
            id=self._new_id(),
            agent=request.agent,
            digest=request.grant_digest,
            command=effect_in_words(request),
            given_by=given_by,
            ends=self._clock() + length * 60,
            for_task=for_task,
        )
        self._grants[grant.id] = grant
        return grant

    def find(self, request: ApprovalRequest) -> Grant | None:
        """The grant in force for exactly this command of this agent."""
        self._expire()
        return next((g for g in self._grants.values() if self._covers(g, request)), None)

    def in_force(self, agent: str | None = None) -> list[GrantInForce]:
        """Grants as lists show them: an agent's, or all."""
        self._expire()
        now = self._clock()
        return [
            GrantInForce(
                id=grant.id,
                agent=grant.agent,
                command=grant.command,
                seconds_left=max(0, int(grant.ends - now)),
                for_task=grant.for_task,
                given_by=grant.given_by,
            )
            for grant in self._grants.values()
            if agent is None or grant.agent == agent
        ]

    def revoke(self, grant_id: str, *, agent: str | None = None) -> Grant | None:
        """End one; with ``agent`` only if it is that agent's. None: there is none."""
        self._expire()
        grant = self._grants.get(grant_id)
        if grant is None or (agent is not None and grant.agent != agent):
            return None
        return self._grants.pop(grant_id)

    def revoke_all(self, agent: str | None = None) -> list[Grant]:
        """End all, or all of an agent (``sudo -k``)."""
        return self._end(lambda grant: agent is None or grant.agent == agent)

    def task_ended(self, agent: str) -> list[Grant]:
        """End the agent's grants that were for its task."""
        return self._end(lambda grant: grant.for_task and grant.agent == agent)

    def _end(self, chosen: Callable[[Grant], bool]) -> list[Grant]:
        self._expire()
        ended = [grant for grant in self._grants.values() if chosen(grant)]
        for grant in ended:
            del self._grants[grant.id]
        return ended

    @staticmethod
    def _covers(grant: Grant, request: ApprovalRequest) -> bool:
        return grant.agent == request.agent and secrets.compare_digest(
            grant.digest, request.grant_digest
        )

    def _expire(self) -> None:
        now = self._clock()
        self._grants = {key: grant for key, grant in self._grants.items() if now < grant.ends}

    def _new_id(self) -> str:
        while (name := secrets.token_hex(2)) in self._grants:
            pass
        return name
