"""The policy that is in force: configuration, grants and today's counts in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.lines import GrantInForce
from nuketown_approval.request import ApprovalRequest, Word
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Asker, Decision, Origin
from nuketown_broker.grants import Grants
from nuketown_broker.policy.explain import Explanation, explain
from nuketown_broker.policy.facts import Facts, observe
from nuketown_broker.policy.rules import AutoKey, Situation, auto_key, rule_on


class Policy:
    """Judges requests by the configuration now; holds the grants.

    Looks at files for a millisecond or so per request.
    """

    def __init__(self, configuration: Configuration, grants: Grants | None = None) -> None:
        self.configuration = configuration
        """Replaced when broker.toml changes; grants stay."""
        self.grants = grants or Grants()
        self._day: date | None = None
        self._auto_today: Counter[AutoKey] = Counter()

    def look(self, request: ApprovalRequest, asker: Asker) -> Facts | None:
        """Look at the files that a request is about, which can take long: not on the event loop."""
        uid = asker.uid if asker.origin is Origin.SOCKET else None
        return observe(request, uid, self.configuration)

    def decide(
        self,
        request: ApprovalRequest,
        asker: Asker,
        *,
        now: float,
        facts: Facts | Literal["look"] | None = "look",
    ) -> Decision:
        """Judge a request; an ``auto`` approval is counted.

        :param now: Unix seconds
        :param facts: what :meth:`look` found; else it is looked at now
        """
        self._begin_day(now)
        decision = rule_on(self._situation(request, asker, facts))
        if decision.rule == "auto" and (key := auto_key(request)):
            self._auto_today[key] += 1
        return decision

    def role_of(self, agent: str) -> str:
        """The agent's role, for titles."""
        known = self.configuration.agents.get(agent)
        return known.role if known else "unknown"

    def timeout_of(self, agent: str) -> float:
        """How long a human is waited for, in seconds."""
        return self.configuration.timeout_of(agent)

    def count_auto(self, used: Iterable[AutoKey], *, now: float) -> None:
        """Count what ``auto`` rules approved earlier today (from the audit, after a restart).

        :param now: Unix seconds
        """
        self._begin_day(now)
        self._auto_today.update(used)

    def grant(
        self,
        request: ApprovalRequest,
        *,
        minutes: int | None,
        given_by: str,
        now: float,  # noqa: ARG002  (grants have a clock that nobody can set)
        asker: Asker | None = None,
        facts: Facts | Literal["look"] | None = "look",
    ) -> GrantInForce:
        """Allow this exact command for so long (None: until the agent's task ends).

        :raises ApprovalProtocolError: no grant can be given for it, or not for so long
        """
        if asker is None:
            known = self.configuration.agents.get(request.agent)
            asker = Asker(Origin.SOCKET, request.agent, uid=known.uid if known else None)
        if not rule_on(self._situation(request, asker, facts)).grant_offered:
            raise ApprovalProtocolError("no grant can be given for this command: answer yes or no.")
        try:
            grant = self.grants.give(
                request, given_by=given_by, minutes=minutes, for_task=minutes is None
            )
        except ValueError as exc:
            raise ApprovalProtocolError(f"{exc}.") from exc
        return next(g for g in self.grants.in_force(request.agent) if g.id == grant.id)

    def revoke(self, grant: str) -> object:
        """End a grant; None: there is none."""
        return self.grants.revoke(grant)

    def explain(self, agent: str, argv: Sequence[Word]) -> Explanation:
        """Say which rule would decide a command now, and why."""
        return explain(self.configuration, agent, argv, self.grants, self._auto_today)

    def allowed(self, agent: str) -> tuple[str, ...]:
        """Patterns of commands that the agent may run unasked."""
        known = self.configuration.agents.get(agent)
        return known.pre_approved if known else ()

    def _situation(
        self, request: ApprovalRequest, asker: Asker, facts: Facts | Literal["look"] | None
    ) -> Situation:
        return Situation(
            configuration=self.configuration,
            asker=asker,
            request=request,
            facts=self.look(request, asker) if facts == "look" else facts,
            grant=self.grants.find(request),
            auto_today=self._auto_today,
        )

    def _begin_day(self, now: float) -> None:
        today = datetime.fromtimestamp(now).astimezone().date()  # the human's own midnight
        if today != self._day:
            self._day = today
            self._auto_today.clear()
