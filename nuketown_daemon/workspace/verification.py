"""What a bootstrap leaves is looked at, not believed: by git, and by the human."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.session.leftovers import end_leftovers
from nuketown_daemon.workspace.bootstrap import Finding
from nuketown_daemon.workspace.clone import Clone, look_at, set_aside
from nuketown_daemon.workspace.contract import PreparationObserver
from nuketown_daemon.workspace.git import Git, safe_line
from nuketown_daemon.workspace.question import chosen
from nuketown_daemon.workspace.remotes import agreeing_remote

NOTHING = "nothing was found"
"""The problem where the model left nothing."""


@dataclass(frozen=True)
class Job:
    """One call of ``WorkspaceResolver.resolve``, with what is configured for its project."""

    project: str
    path: Path
    branch: str | None
    """The branch asked for, else the configured one."""
    asked_branch: str | None
    url: str | None
    """The configured remote."""
    prompt: str
    observer: PreparationObserver


class Verification:
    """The doubts about one project's clone.

    A marker exists from before a bootstrap until its clone is confirmed, across restarts. It holds
    the mark of the bootstrap's processes.
    """

    def __init__(self, job: Job, state_directory: Path) -> None:
        """Doubt the clone of ``job``, with markers in ``state_directory``."""
        self._job = job
        self._marker = state_directory / "unconfirmed" / job.project

    @property
    def interrupted(self) -> bool:
        """Was a bootstrap going on when the daemon went down?"""
        return self._marker.exists()

    def begin(self, mark: str) -> None:
        """Write down that a bootstrap with ``mark`` begins."""
        self._marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._marker.write_text(mark)

    def end(self) -> None:
        """Nothing is in doubt any more."""
        self._marker.unlink(missing_ok=True)

    async def end_interrupted(self) -> None:
        """End what an interrupted bootstrap left running."""
        if self._marker.exists():
            await end_leftovers(self._marker.read_text())

    async def check_interrupted(self) -> None:
        """Let no clone through that a bootstrap was making when the daemon went down.

        Nothing is moved away here: somebody may have made or used the clone since.
        """
        if not self._marker.exists():
            return
        clone = await look_again(self._job)
        if await _is_incomplete(clone):
            raise WorkspaceError(
                f"{self._job.path} may be unfinished, because preparing it was interrupted: "
                f"move it away and ask again, or if it is good, remove {self._marker}."
            )
        url = safe_line(main_url(clone) or "nothing, it has no remote")
        if not await self._confirmed(url):
            raise WorkspaceError(
                f"{self._job.path} is a clone of {url}: move it away and ask again."
            )

    async def use_found(self, finding: Finding) -> str | None:
        """Verify what the model left; None: it is a clone to be used, else what is wrong with it.

        What is no clone, not the configured one, or not what the human wants is taken away: there
        was nothing at its place before.
        """
        try:
            problem = await self._problem(finding)
        except WorkspaceError as exc:
            problem = str(exc)
        if problem is not None:
            set_aside(self._job.path)
            self.end()
        return problem

    async def _problem(self, finding: Finding) -> str | None:
        clone = await look_at(self._job.path, with_remotes=True)
        if clone is None:
            return NOTHING
        # A limit may have ended the model, and git, in the middle of the clone.
        if finding.question is not None and await _is_incomplete(clone):
            return f"{finding.question}, and the clone is not complete"
        url = safe_line(main_url(clone) or "a repository without a remote")
        agrees = self._job.url is None or agreeing_remote(clone.remotes, self._job.url) is not None
        if agrees and await self._confirmed(url):
            return None
        return f"what I found, {url}, is another one"

    async def _confirmed(self, url: str) -> bool:
        """Show the human a remote that the model chose; a configured one needs no answer."""
        if self._job.url is None:
            question = f"I found {self._job.project} at {url}. Shall I work on that?"
            answer = await self._job.observer.ask_human(question, ("yes", "no"))
            if chosen(answer, ("yes", "no")) != "yes":
                return False
        self.end()
        return True


def is_ready(clone: Clone, job: Job) -> bool:
    """Is it the configured repository, on the branch?"""
    if job.branch is not None and clone.workspace.branch != job.branch:
        return False
    return job.url is None or agreeing_remote(clone.remotes, job.url) is not None


async def look_again(job: Job) -> Clone:
    """The clone, which was there a moment ago.

    :raises WorkspaceError: it can't be read, or it is gone
    """
    clone = await look_at(job.path, with_remotes=True)
    if clone is None:
        raise WorkspaceError(f"{job.path} has gone away: ask again.")
    return clone


async def _is_incomplete(clone: Clone) -> bool:
    status = await Git(clone.workspace.path).look("status", "--porcelain=v1", "-z", "--no-renames")
    return clone.workspace.head is None or bool(status.stdout)


def main_remote(clone: Clone) -> str | None:
    """Name of the remote that counts where none is configured."""
    return "origin" if "origin" in clone.remotes else next(iter(clone.remotes), None)


def main_url(clone: Clone) -> str | None:
    """URL of :func:`main_remote`."""
    name = main_remote(clone)
    return None if name is None else clone.remotes[name]
