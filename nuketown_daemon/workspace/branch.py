"""Bringing a clone onto another branch without losing anything that is in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.contract import PreparationObserver
from nuketown_daemon.workspace.git import Git, safe_line
from nuketown_daemon.workspace.question import choose

_REMOTE_TIMEOUT_S = 120.0
_SHOWN_FILES = 3
_LOCK_WAIT_S, _LOCK_POLL_S = 0.5, 0.05

# What git leaves in its directory while an operation is unfinished (git-status(1), wt-status.c).
_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


class _Target:
    """Arguments for ``git switch``, and the reference that a new branch follows."""

    def __init__(self, *arguments: str, upstream: str | None = None) -> None:
        self.arguments = arguments
        self.upstream = upstream


@dataclass(frozen=True)
class BranchSwitch:
    """One clone that is to be on ``branch``.

    An existing local branch is taken as it is; else the remote's, fetched; else it is created from
    the default branch, and progress says so. With uncommitted changes nothing is switched before
    the human has chosen to commit or to stash them.
    """

    path: Path
    branch: str
    remote: str | None
    """Name of the remote to look for it; None: the clone has none."""
    default_branch: str | None
    """The configured branch; None: the remote's HEAD."""
    observer: PreparationObserver
    fresh: bool = False
    """Just cloned: everything the remote has is there."""

    async def run(self) -> None:
        """Switch.

        :raises WorkspaceError: the human cancelled, or git refused; nothing was lost
        """
        await self._refuse_unfinished()
        await self._keep_changes(await self._changed(untracked=False), untracked=False)
        await self._keep_detached_commits()
        target = await self._target()
        await self._switch_keeping_untracked(target)
        if target.upstream is not None:
            await self._follow(target.upstream)

    async def _switch_keeping_untracked(self, target: _Target) -> None:
        try:
            await self._switch(target)
        except WorkspaceError as exc:
            if "would be overwritten" not in str(exc):
                raise
            files = await self._changed(untracked=True)
            if not files:  # ignored files are in the way
                raise
            await self._keep_changes(files, untracked=True)
            await self._switch(target)

    async def _switch(self, target: _Target) -> None:
        # Ignored files, which git overwrites by default, are work too (a .env).
        await Git(self.path).act("switch", "--quiet", "--no-overwrite-ignore", *target.arguments)

    async def _follow(self, tracking: str) -> None:
        """Make the remote's branch the upstream of the new one.

        Not by ``git switch --track``: in a clone of a single branch (``--depth``) that fails when
        the files are switched already, and HEAD is not.
        """
        git, key = Git(self.path), f"branch.{self.branch}"
        done = await git.act(
            "branch", "--quiet", f"--set-upstream-to={tracking}", self.branch, accept=(0, 1, 128)
        )
        if done.code != 0:
            assert self.remote is not None
            await git.act("config", f"{key}.remote", self.remote)
            await git.act("config", f"{key}.merge", f"refs/heads/{self.branch}")

    async def _refuse_unfinished(self) -> None:
        output = await Git(self.path).look("rev-parse", "--absolute-git-dir")
        directory = Path(output.stdout.removesuffix("\n"))
        for name, operation in _UNFINISHED.items():
            if (directory / name).exists():
                raise WorkspaceError(
                    f"{self.path} is in the middle of a {operation}, so I did not switch to "
                    f"{self.branch}: finish or abort it, or ask again without a branch."
                )
        await self._wait_for_lock(directory / "index.lock")

    async def _wait_for_lock(self, lock: Path) -> None:
        """Let a git that is at work finish: editors run one now and then."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _LOCK_WAIT_S
        while await asyncio.to_thread(lock.exists):
            if loop.time() >= end:
                raise WorkspaceError(
                    f"{self.path}: another git is at work there, or was killed, so I did not "
                    f"switch to {self.branch}: if none is, remove {lock}."
                )
            await asyncio.sleep(_LOCK_POLL_S)

    async def _changed(self, *, untracked: bool) -> list[str]:
        """Paths with uncommitted changes."""
        output = await Git(self.path).look(
            "status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=dirty",
            f"--untracked-files={'normal' if untracked else 'no'}",
        )  # fmt: skip
        return [entry[3:] for entry in output.fields]

    async def _keep_changes(self, files: list[str], *, untracked: bool) -> None:
        if not files:
            return
        kind = "files git does not track, some in the way," if untracked else "uncommitted changes"
        shown = ", ".join(safe_line(name)[:60] for name in files[:_SHOWN_FILES])
        more = f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else ""
        here = await self._current()
        answer = await choose(
            self.observer,
            f"{self.path.name} has {kind} on {here} ({shown}{more}). Before I switch to "
            f"{self.branch}: commit them on {here} as work in progress, stash them, or cancel?",
            ("commit", "stash"),
            cancelled=f"{self.path} stays on {here} with its changes, as you said.",
        )
        if answer == "commit":
            await self._commit(untracked=untracked)
            await self.observer.progress(f"Committed the changes on {here} as work in progress.")
        else:
            await self._stash(untracked=untracked)
            await self.observer.progress(
                f"Stashed the changes of {here} (git stash pop brings them back)."
            )

    async def _commit(self, *, untracked: bool) -> None:
        git = Git(self.path)
        await git.act("add", "--all" if untracked else "--update", "--", ":/")
        # It is a snapshot: no hook has to be happy with it, and nobody is there to unlock a key.
        await git.act(
            "-c", "commit.gpgSign=false", "commit", "--quiet", "--no-verify",
            "--message", f"WIP: kept before switching to {self.branch}",
        )  # fmt: skip

    async def _stash(self, *, untracked: bool) -> None:
        message = f"nuketown: before switching to {self.branch}"
        options = ("--include-untracked",) if untracked else ()
        # Not --quiet: git then keeps to itself why it refuses.
        await Git(self.path).act("stash", "push", *options, "--message", message)

    async def _current(self) -> str:
        output = await Git(self.path).look("branch", "--show-current")
        return output.stdout.strip() or "a detached HEAD"

    async def _keep_detached_commits(self) -> None:
        """Name commits that only a detached HEAD holds: git would forget them after some weeks."""
        git = Git(self.path)
        attached = await git.look("symbolic-ref", "--quiet", "HEAD", accept=(0, 1))
        if attached.code == 0:
            return
        holders = await git.look(
            "for-each-ref",
            "--count=1",
            "--contains=HEAD",
            "refs/heads",
            "refs/remotes",
            "refs/tags",
        )
        if holders.stdout:
            return
        head = (await git.look("rev-parse", "--short", "HEAD")).stdout.strip()
        name = f"nuketown/kept-{head}"
        await git.act("branch", "--no-track", name, "HEAD")
        await self.observer.progress(f"Kept the commits of the detached HEAD as branch {name}.")

    async def _target(self) -> _Target:
        local, tracking = f"refs/heads/{self.branch}", f"refs/remotes/{self.remote}/{self.branch}"
        existing = await self._existing(local, tracking)
        if local in existing:
            return _Target("--no-guess", self.branch)
        if self.remote is not None and not self.fresh and await self._fetch(known=bool(existing)):
            existing = await self._existing(tracking)
        if tracking in existing:
            return _Target("--no-track", "--create", self.branch, tracking, upstream=tracking)
        start = await self._start()
        if start is None:
            await self.observer.progress(f"Starting branch {self.branch} in an empty repository.")
            return _Target("--create", self.branch)
        shown = start.removeprefix("refs/heads/").removeprefix("refs/remotes/")
        await self.observer.progress(
            f"There is no branch {self.branch} yet: creating it from {shown}."
        )
        return _Target("--no-track", "--create", self.branch, start)

    async def _existing(self, *references: str) -> list[str]:
        """Those of ``references`` that exist, in their order."""
        output = await Git(self.path).look("for-each-ref", "--format=%(refname)", *references)
        lines = set(output.lines)  # a pattern also matches what lies below it
        return [reference for reference in references if reference in lines]

    async def _fetch(self, *, known: bool) -> bool:
        """Fetch the branch, or where the remote has none what a new one starts from.

        :param known: an older state of it was fetched before and will do
        :return: whether the remote has it
        """
        assert self.remote is not None
        git, reference = Git(self.path), f"refs/heads/{self.branch}"
        fetch = ("fetch", "--quiet", "--no-recurse-submodules", "--", self.remote)
        try:
            found = await git.act(
                "ls-remote", "--exit-code", "--heads", "--", self.remote, reference,
                accept=(0, 2), timeout_s=_REMOTE_TIMEOUT_S,
            )  # fmt: skip
            if found.code == 0:
                await git.act(*fetch, f"+{reference}:refs/remotes/{self.remote}/{self.branch}")
            else:
                await git.act(*fetch)
        except WorkspaceError as exc:
            await self._go_on_offline(exc, known=known)
            return False
        return found.code == 0

    async def _go_on_offline(self, error: WorkspaceError, *, known: bool) -> None:
        if known:
            await self.observer.progress(
                f"{self.remote} can't be reached ({error}); using what was fetched before."
            )
            return
        await choose(
            self.observer,
            f"I can't ask {self.remote} whether it has a branch {self.branch} ({error}). "
            "Create it from what is here, or cancel?",
            ("create",),
            cancelled=f"{self.path} was left as it is: {self.branch} is not here and "
            f"{self.remote} can't be reached.",
        )

    async def _start(self) -> str | None:
        """Where a new branch starts: the default branch, local if it has all of the remote's."""
        for name in await self._default_names():
            local, tracking = f"refs/heads/{name}", f"refs/remotes/{self.remote}/{name}"
            existing = await self._existing(tracking, local)
            if existing == [tracking, local] and await self._contains(local, tracking):
                return local
            if existing:
                return existing[0]
        born = await Git(self.path).look("rev-parse", "--verify", "--quiet", "HEAD", accept=(0, 1))
        return "HEAD" if born.code == 0 else None

    async def _default_names(self) -> list[str]:
        names = [] if self.default_branch is None else [self.default_branch]
        if self.remote is not None:
            prefix = f"refs/remotes/{self.remote}/"
            head = await Git(self.path).look(
                "symbolic-ref", "--quiet", f"{prefix}HEAD", accept=(0, 1)
            )
            if head.stdout.startswith(prefix):
                names.append(head.stdout.strip().removeprefix(prefix))
        return [*names, "main", "master"]

    async def _contains(self, descendant: str, ancestor: str) -> bool:
        output = await Git(self.path).look(
            "merge-base", "--is-ancestor", ancestor, descendant, accept=(0, 1)
        )
        return output.code == 0
