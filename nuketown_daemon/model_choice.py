"""When a small model may choose the project of a message, and what that choice counts for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from nuketown_daemon.budget import allowance
from nuketown_daemon.configuration import Budget
from nuketown_daemon.errors import BudgetError, NuketownError
from nuketown_daemon.journal import Journal
from nuketown_daemon.peer_allotment import PeerAllotment
from nuketown_daemon.people import People, Role
from nuketown_daemon.request_parser import ParsedTask, Unclear
from nuketown_daemon.workspace.contract import WorkspaceResolver

log = structlog.get_logger(__name__)


class Understanding(Protocol):
    """What a model made of a message (nuketown_daemon.understanding)."""

    project: str | None
    prompt: str | None
    branch: str | None
    candidates: tuple[str, ...]
    cost_usd: float
    turns: int


Understand = Callable[[str, Mapping[str, str | None], float | None], Awaitable[Understanding]]
"""Text, known projects, what it may cost at most."""


class ModelChoice:
    """Lets a small model choose among the known projects, within the budget."""

    def __init__(
        self, journal: Journal, people: People, resolver: WorkspaceResolver,
        understand: Understand, budget: Budget,
    ) -> None:  # fmt: skip
        self._journal = journal
        self._people = people
        self._resolver = resolver
        self._understand = understand
        self._budget = budget
        self._allotment = PeerAllotment()

    def may_be_asked(self, sender: str) -> bool:
        """May what ``sender`` said cost a call? For a peer, a yes counts as one."""
        if not self._resolver.known_projects():
            return False
        now_s = asyncio.get_running_loop().time()
        return self._people.role_of(sender) is not Role.PEER or self._allotment.take(sender, now_s)

    async def choose(self, unclear: Unclear) -> ParsedTask | Unclear:
        """Ask the model; unclear where it can't tell.

        :raises JournalError: what it costs can't be written down
        """
        known = self._resolver.known_projects()
        if not known:
            return unclear
        run = f"intake:{uuid.uuid4().hex[:8]}"
        # First: while the journal can't be written a message is tried again and again, and no
        # model may be paid for each time.
        await self._journal.tasks.spent(run, None, 0.0, 0)
        try:
            limit = allowance(self._budget, spent_today=await self._journal.tasks.spent_today())
            found = await self._understand(unclear.text, known, limit)
        except (BudgetError, NuketownError) as exc:
            log.info("message not understood by a model", reason=str(exc))
            return unclear
        await self._journal.tasks.spent(run, None, found.cost_usd, found.turns)
        if found.project in known and found.project is not None:
            # The words stay the sender's: the model chooses the project and nothing else.
            return ParsedTask(found.project, unclear.text, unclear.branch, explicit=False)
        named = tuple(name for name in found.candidates if name in known)
        return Unclear(unclear.text, named or unclear.candidates, unclear.branch, unclear.mode)
