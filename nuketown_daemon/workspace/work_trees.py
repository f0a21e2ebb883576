"""Where a clone is, read from its files where they say it plainly (gitrepository-layout(5)).

Starting git costs a task on a ready workspace more than the rest of its preparation together, on a
busy machine most of all.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from nuketown_daemon.task import check_branch_name
from nuketown_daemon.workspace.clone import work_tree
from nuketown_daemon.workspace.contract import Workspace

_BRANCH = re.compile(r"ref: refs/heads/([^\n]+)\n")
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\n")
_READ_LIMIT = 1024
_Marks = tuple[tuple[int, ...] | None, ...]


class WorkTreesRead:
    """Work trees that git vouched for, looked at again without it.

    Git is asked the first time, again when the clone or its configuration is another than then,
    and wherever HEAD is not a branch with a file of its own: detached, packed, without a commit, a
    linked work tree, another way to store references.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._vouched: dict[Path, _Marks] = {}

    async def of(self, path: Path) -> Workspace:
        """The work tree whose top is ``path``.

        :raises WorkspaceError: it is none, or git can't read it
        """
        marks = _marks(path)
        if marks is not None and self._vouched.get(path) == marks:
            workspace = _plain(path)
            if workspace is not None:
                return workspace
        self._vouched.pop(path, None)
        workspace = await work_tree(path)
        if marks is not None:
            self._vouched[path] = marks
        return workspace


def _marks(path: Path) -> _Marks | None:
    """What git's answer rests on: whose directories they are, and what configures them."""
    try:
        top, repository = path.lstat(), (path / ".git").lstat()
        configuration = _identity(path / ".git/config")
        of_work_tree = _identity(path / ".git/config.worktree")
    except OSError:
        return None
    if not stat.S_ISDIR(repository.st_mode) or configuration is None:
        return None  # a linked work tree, say
    return (
        (top.st_dev, top.st_ino, top.st_uid),
        (repository.st_dev, repository.st_ino, repository.st_uid),
        configuration,
        of_work_tree,
    )


def _identity(file: Path) -> tuple[int, ...] | None:
    try:
        status = file.lstat()
    except FileNotFoundError:
        return None
    return (
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
        status.st_mode,
    )  # fmt: skip


def _plain(path: Path) -> Workspace | None:
    """Branch and commit; None: only git can tell."""
    try:
        reference = _BRANCH.fullmatch(_text(path / ".git/HEAD"))
        if reference is None:
            return None
        branch = check_branch_name(reference[1])
        commit = _text(path / ".git/refs/heads" / branch)
    except (OSError, ValueError):
        return None
    return Workspace(path, branch, commit.rstrip()) if _COMMIT.fullmatch(commit) else None


def _text(file: Path) -> str:
    # What runs in the clone may have made it a link, or something that makes a reader wait.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _READ_LIMIT).decode()
    finally:
        os.close(descriptor)
