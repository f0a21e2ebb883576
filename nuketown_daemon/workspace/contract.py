"""What the task runner asks of workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Workspace:
    """A clone that is there, and on the branch."""

    path: Path
    branch: str | None
    """None: detached HEAD, or a repository without a commit."""
    head: str | None
    """Commit id; None in a repository without a commit."""


class PreparationObserver(Protocol):
    """What preparing a workspace tells; the task runner implements it."""

    async def progress(self, text: str) -> None:
        """Something worth reading happened."""

    async def ask_human(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """Ask the requester and wait for the answer.

        :raises SessionError: nobody answered in time
        """

    async def model_started(self) -> None:
        """From here on the model may have been paid for; written to the journal first."""

    async def spent(self, cost_usd: float, turns: int) -> None:
        """Total so far of the bootstrap's model calls, in US dollars."""


class WorkspaceResolver(Protocol):
    """A way to get workspaces."""

    async def resolve(
        self,
        project: str,
        branch: str | None,
        prompt: str,
        observer: PreparationObserver,
        *,
        model_allowed: bool = True,
        max_cost_usd: float | None = None,
    ) -> Workspace:
        """Find ``project`` under the projects directory, or prepare it.

        :param model_allowed: False after a crash in the middle of a bootstrap: only look
        :param max_cost_usd: what the bootstrap may cost at most, in US dollars
        :raises WorkspaceError: it can't be had; the text says why and what to do
        """

    def look_ahead(self, project: str) -> None:
        """``resolve`` is about to be asked for this project: begin to look, changing nothing."""

    async def ready(
        self, project: str, branch: str | None, observer: PreparationObserver
    ) -> Workspace | None:
        """Cache check alone: the workspace if it is there and on the branch, else None.

        No model, no network, nothing is written.
        """

    def known_projects(self) -> dict[str, str | None]:
        """Names of configured and cloned repositories, with the remote where one is known."""
