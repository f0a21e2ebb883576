"""What happened in a clone since a commit: the facts of the final summary."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.git import Git, safe_line

COMMITS_LIMIT = 20
"""Newest commits that are listed; the rest is counted."""

BRANCHES_LIMIT = 5
"""Other branches that are named."""

_STAT = re.compile(r"(\d+) (file|insertion|deletion)")
_SUBJECT_LIMIT = 100


@dataclass(frozen=True)
class Commit:
    """One commit; ``subject`` is safe to show."""

    id: str
    """Abbreviated."""
    subject: str


@dataclass(frozen=True)
class Changes:
    """The clone now, compared with then."""

    branch: str | None
    """None: detached HEAD."""
    head: str | None
    """Commit id; None: no commit yet."""
    commits: tuple[Commit, ...] = ()
    """Newest first, at most :data:`COMMITS_LIMIT`."""
    commit_count: int = 0
    rewritten: bool = False
    """The old commit is not in the history of HEAD: rebased, reset, or another branch."""
    files_changed: int = 0
    insertions: int = 0
    deletions: int = 0
    dirty_files: int = 0
    """Paths with uncommitted changes, files git does not track included."""
    unpushed: int | None = None
    """Commits that no remote-tracking branch has; None: the clone has no remote branches."""
    elsewhere: tuple[tuple[str, int], ...] = ()
    """Other local branches that were committed to meanwhile, and how many commits HEAD lacks."""

    def text(self) -> str:
        """The facts in lines for people."""
        lines = [f"Branch: {self.branch or 'detached HEAD'}"]
        if self.commit_count:
            lines.append(
                f"{_count(self.commit_count, 'commit')}, "
                f"{_count(self.files_changed, 'file')} changed, "
                f"+{self.insertions} −{self.deletions}:"
            )
            lines += [f"  {commit.id} {commit.subject}" for commit in self.commits]
            if self.commit_count > len(self.commits):
                lines.append(f"  … and {self.commit_count - len(self.commits)} more")
        else:
            lines.append("No new commits." if not self.elsewhere else "No new commits on it.")
        lines += [f"On branch {name}: {_count(n, 'new commit')}." for name, n in self.elsewhere]
        if self.rewritten:
            lines.append("The commit it began from is no longer in this branch's history.")
        if self.unpushed:
            lines.append(f"Not pushed: {_count(self.unpushed, 'commit')}.")
        if self.dirty_files:
            lines.append(f"Uncommitted: {_count(self.dirty_files, 'path')}.")
        return "\n".join(lines)


async def changes_since(path: Path, base: str | None, *, began: float | None = None) -> Changes:
    """Compare the clone ``path`` with the commit it was at.

    :param base: commit id then; None: there was no commit
    :param began: Unix seconds; commits since then on other branches count too; None: they do not
    :raises WorkspaceError: git can't read the clone
    """
    if not await asyncio.to_thread(path.is_dir):
        raise WorkspaceError(f"{path} is gone: what was committed there can't be told.")
    git = Git(path)
    shown = await git.look("branch", "--show-current")
    branch = shown.stdout.strip() or None
    status = await git.look("status", "--porcelain=v1", "-z", "--no-renames")
    dirty = status.stdout.count("\0")
    tip = await git.look("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1))
    head = tip.stdout.strip() or None
    if head is None:
        return Changes(branch, None, dirty_files=dirty)
    base = await _commit(git, base)
    span = [head] if base is None else [head, f"^{base}"]
    files, insertions, deletions = await _stat(git, base, head)
    return Changes(
        branch=branch,
        head=head,
        commits=await _commits(git, span),
        commit_count=await _number(git, span),
        rewritten=base is not None and not await _is_ancestor(git, base, head),
        files_changed=files,
        insertions=insertions,
        deletions=deletions,
        dirty_files=dirty,
        unpushed=await _unpushed(git, head),
        elsewhere=() if began is None else await _elsewhere(git, head, base, int(began)),
    )


async def _commit(git: Git, base: str | None) -> str | None:
    """Return ``base`` if the clone still has it (it may have been cloned anew)."""
    if base is None:
        return None
    found = await git.look(
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{base}^{{commit}}",
        accept=(0, 1, 128),
    )
    return found.lines[-1] if found.code == 0 else None


async def _commits(git: Git, span: list[str]) -> tuple[Commit, ...]:
    output = await git.look(
        "log", "-z", f"--max-count={COMMITS_LIMIT}", "--no-show-signature", "--no-color",
        "--format=%h%x1f%s", "--end-of-options", *span, "--",
    )  # fmt: skip
    pairs = (field.partition("\x1f") for field in output.fields)
    return tuple(Commit(name, safe_line(subject)[:_SUBJECT_LIMIT]) for name, _, subject in pairs)


async def _number(git: Git, span: list[str]) -> int:
    return int((await git.look("rev-list", "--count", *span, "--")).stdout)


async def _stat(git: Git, base: str | None, head: str) -> tuple[int, int, int]:
    """Files, insertions and deletions from ``base``, or from nothing, to ``head``."""
    if base is None:
        # The id of the empty tree depends on the repository's hash.
        base = (await git.look("hash-object", "-t", "tree", "/dev/null")).stdout.strip()
    output = await git.look(
        "diff", "--shortstat", "--no-ext-diff", "--no-textconv", "--no-color",
        "--end-of-options", base, head, "--",
    )  # fmt: skip
    numbers = {kind: int(number) for number, kind in _STAT.findall(output.stdout)}
    return numbers.get("file", 0), numbers.get("insertion", 0), numbers.get("deletion", 0)


async def _is_ancestor(git: Git, base: str, head: str) -> bool:
    output = await git.look("merge-base", "--is-ancestor", base, head, accept=(0, 1))
    return output.code == 0


async def _elsewhere(
    git: Git, head: str, base: str | None, began: int
) -> tuple[tuple[str, int], ...]:
    """Local branches with commits made since ``began`` that HEAD does not hold."""
    output = await git.look(
        "for-each-ref", "--sort=-committerdate", f"--count={BRANCHES_LIMIT}",
        f"--no-merged={head}", "--format=%(refname)", "refs/heads",
    )  # fmt: skip
    known = [f"^{head}", *([f"^{base}"] if base else [])]
    found = []
    for ref in output.lines:
        number = await _number(git, [f"--max-age={began}", ref, *known])
        if number:
            found.append((safe_line(ref.removeprefix("refs/heads/")), number))
    return tuple(found)


async def _unpushed(git: Git, head: str) -> int | None:
    remote = await git.look("for-each-ref", "--count=1", "refs/remotes")
    if not remote.stdout:
        return None
    return await _number(git, [head, "--not", "--remotes"])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
