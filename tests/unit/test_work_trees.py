"""What is read without git is what git says; where it might not be, git is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.clone import work_tree
from nuketown_daemon.workspace.work_trees import WorkTreesRead
from tests.workspace_repositories import commit, git, git_home  # noqa: F401


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    path = tmp_path / "hello"
    path.mkdir()
    git(path, "init", "--quiet", "-b", "main")
    commit(path, "README")
    return path


@pytest.fixture
def no_git(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From here on whoever needs git fails."""
    return lambda: monkeypatch.setenv("PATH", os.devnull)


async def test_git_is_asked_once(clone: Path, no_git: Callable[[], None]) -> None:
    trees = WorkTreesRead()
    first = await trees.of(clone)
    head = commit(clone, "more")
    no_git()
    again = await trees.of(clone)
    assert (first.branch, again.branch, again.head) == ("main", "main", head)
    assert first.head != head
    with pytest.raises(WorkspaceError, match="git can't be started"):
        await WorkTreesRead().of(clone)


def _configure(clone: Path) -> None:
    git(clone, "config", "core.worktree", str(clone.parent))


def _replace(clone: Path) -> None:
    (clone / ".git").rename(clone / "other")
    git(clone, "init", "--quiet", "-b", "trunk")
    (clone / "other/config").replace(clone / ".git/config")


def _link(clone: Path) -> None:
    target = clone.parent / "commit"
    (clone / ".git/refs/heads/main").rename(target)
    (clone / ".git/refs/heads/main").symlink_to(target)


def _wait_for_ever(clone: Path) -> None:
    (clone / ".git/refs/heads/main").unlink()
    os.mkfifo(clone / ".git/refs/heads/main")


def _climb(clone: Path) -> None:
    (clone / ".git/stolen").write_text("0" * 40 + "\n")
    (clone / ".git/HEAD").write_text("ref: refs/heads/../../stolen\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda clone: git(clone, "switch", "--quiet", "--detach"),
        lambda clone: git(clone, "pack-refs", "--all"),
        lambda clone: git(clone, "switch", "--quiet", "--orphan", "empty"),
        lambda clone: git(clone, "symbolic-ref", "refs/heads/alias", "refs/heads/main"),
        lambda clone: git(clone, "config", "core.bare", "true"),
        _configure, _replace, _link, _wait_for_ever, _climb,
    ],
)  # fmt: skip
async def test_what_is_not_plain_is_gits_to_say(
    clone: Path, no_git: Callable[[], None], change: Callable[[Path], object]
) -> None:
    trees = WorkTreesRead()
    await trees.of(clone)
    change(clone)
    if (clone / ".git/refs/heads/alias").exists():
        (clone / ".git/HEAD").write_text("ref: refs/heads/alias\n")
    no_git()
    with pytest.raises(WorkspaceError, match="git can't be started"):
        await trees.of(clone)


@pytest.mark.parametrize("branch", ["feature/one", "ünïcode", "a.b", "x" * 190])
async def test_a_plain_branch_reads_as_git_reads_it(clone: Path, branch: str) -> None:
    trees = WorkTreesRead()
    await trees.of(clone)
    git(clone, "switch", "--quiet", "-c", branch)
    commit(clone, "there")
    assert await trees.of(clone) == await work_tree(clone)
