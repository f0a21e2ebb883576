"""A clone in the projects directory: what it is, and how a new one gets there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.contract import Workspace
from nuketown_daemon.workspace.git import Git
from nuketown_daemon.workspace.remotes import check_remote, remotes_of

CLONE_TIMEOUT_S = 3600.0
_TEMPORARY = ".nuketown-clone-"


@dataclass(frozen=True)
class Clone:
    """A git work tree directly below the projects directory."""

    workspace: Workspace
    remotes: dict[str, str] = field(default_factory=dict)
    """Remotes by name, as written in its configuration."""


async def look_at(
    path: Path,
    *,
    with_remotes: bool,
    read_remotes: Callable[[Path], Awaitable[dict[str, str]]] = remotes_of,
    read_work_tree: Callable[[Path], Awaitable[Workspace]] | None = None,
) -> Clone | None:
    """Say what is at ``path``: a clone, or nothing (an empty directory is nothing).

    Two runs of git at most, side by side; no network, nothing is written.

    :param path: below the real path of the projects directory
    :raises WorkspaceError: something else is there, or git can't read it
    """
    if not _is_something(path):
        return None
    read_work_tree = read_work_tree or work_tree
    if not with_remotes:
        return Clone(await read_work_tree(path))
    workspace, remotes = await asyncio.gather(
        read_work_tree(path), read_remotes(path), return_exceptions=True
    )
    # The work tree's error says more than that of its remotes.
    if isinstance(workspace, BaseException):
        raise workspace
    if isinstance(remotes, BaseException):
        raise remotes
    return Clone(workspace, remotes)


def _is_something(path: Path) -> bool:
    if path.is_symlink():
        raise WorkspaceError(
            f"{path} is a symbolic link: a workspace is a directory of its own, so move the clone "
            "there or name another project."
        )
    if not path.is_dir():
        if path.exists():
            raise WorkspaceError(f"{path} is a file: move it away or name another project.")
        return False
    return any(path.iterdir())


async def work_tree(path: Path) -> Workspace:
    """Ask git for the work tree whose top is ``path``.

    :raises WorkspaceError: it is none, or git can't read it
    """
    output = await Git(path).look(
        "rev-parse", "--is-inside-work-tree", "--show-toplevel", "HEAD",
        "--symbolic-full-name", "HEAD",
        accept=(0, 128),
    )  # fmt: skip
    if not output.lines:
        raise WorkspaceError(_unreadable(path, output.complaint or "git says nothing"))
    if output.lines[:2] != ["true", str(path)]:
        raise WorkspaceError(
            f"{path} is not the top of a git work tree (a bare repository, or its configuration "
            "points elsewhere): move it away or mend its .git/config."
        )
    if output.code == 0:
        head, reference = output.lines[2:4]
        return Workspace(path, _branch(reference), head)
    unborn = await Git(path).look("symbolic-ref", "--quiet", "HEAD", accept=(0, 1, 128))
    if unborn.code != 0 or not unborn.stdout.startswith("refs/heads/"):
        raise WorkspaceError(f"{path}: git can't read HEAD ({output.complaint}): mend the clone.")
    return Workspace(path, _branch(unborn.stdout.strip()), None)


def _unreadable(path: Path, complaint: str) -> str:
    if "dubious ownership" in complaint:
        return (
            f"{path} belongs to another user, so git does not trust it: give it to this one, or "
            f"run git config --global --add safe.directory {path} as this one."
        )
    if os.path.lexists(path / ".git"):
        return f"{path} can't be read by git ({complaint}): mend the clone, or move it away."
    return (
        f"{path} is there and is no git clone ({complaint}): move it away, or make it one with "
        "git init."
    )


def _branch(reference: str) -> str | None:
    prefix = "refs/heads/"
    return reference.removeprefix(prefix) if reference.startswith(prefix) else None


@contextlib.asynccontextmanager
async def new_clone(url: str, projects_dir: Path) -> AsyncIterator[Path]:
    """Clone ``url`` beside its later place; what is not moved from there is removed at the end.

    Submodules are left to the session: their URLs come from the repository, not from a person.

    :return: the temporary directory, to be handed to :func:`put_in_place`
    :raises WorkspaceError: git could not clone it
    """
    check_remote(url)
    await asyncio.to_thread(_make_room, projects_dir)
    temporary = projects_dir / f"{_TEMPORARY}{secrets.token_hex(6)}"
    try:
        await Git(projects_dir).act(
            "clone", "--quiet", "--origin", "origin", "--no-recurse-submodules", "--",
            url, str(temporary),
            timeout_s=CLONE_TIMEOUT_S,
        )  # fmt: skip
        yield temporary
    finally:
        await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)


def put_in_place(temporary: Path, path: Path) -> None:
    """Make ``temporary`` the workspace ``path``, which is missing or an empty directory.

    :raises WorkspaceError: something came to be there in the meantime
    """
    try:
        temporary.rename(path)
    except OSError as exc:
        raise WorkspaceError(f"{path} can't be put in place ({exc.strerror}).") from exc


def set_aside(path: Path) -> None:
    """Take a clone that the human refused away; the next clone removes it.

    :raises WorkspaceError: it can't be moved
    """
    try:
        path.rename(path.parent / f"{_TEMPORARY}{secrets.token_hex(6)}")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise WorkspaceError(f"{path} can't be moved away ({exc.strerror}).") from exc


def _make_room(projects_dir: Path) -> None:
    """Remove what killed clones left. One task runs at a time, so none of it is in use."""
    try:
        projects_dir.mkdir(parents=True, exist_ok=True)
        for entry in projects_dir.glob(f"{_TEMPORARY}*"):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
    except OSError as exc:
        raise WorkspaceError(f"{projects_dir} can't be written ({exc.strerror}).") from exc
