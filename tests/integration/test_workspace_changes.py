"""What the summary says of a clone, with the real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.changes import COMMITS_LIMIT, changes_since
from tests.workspace_repositories import (
    commit,
    git,
    git_home,  # noqa: F401 - applies to every test here
    make_clone,
    make_remote,
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(make_remote(tmp_path / "hello.git"), tmp_path / "hello")


def head_of(clone: Path) -> str:
    return git(clone, "rev-parse", "HEAD").strip()


async def test_nothing_happened(clone: Path) -> None:
    changes = await changes_since(clone, head_of(clone))
    assert changes.commits == ()
    assert (changes.dirty_files, changes.unpushed, changes.rewritten) == (0, 0, False)
    assert changes.text() == "Branch: main\nNo new commits."


async def test_clone_is_gone(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="hello is gone"):
        await changes_since(tmp_path / "hello", "1" * 40)


async def test_commits_and_numbers(clone: Path) -> None:
    base = head_of(clone)
    commit(clone, "LICENSE", "one\ntwo\n")
    head = commit(clone, "README", "changed\n")
    (clone / "README").write_text("dirty\n")
    (clone / "untracked").write_text("")
    changes = await changes_since(clone, base)
    assert changes.head == head
    assert [entry.subject for entry in changes.commits] == ["Add README", "Add LICENSE"]
    assert head.startswith(changes.commits[0].id)
    assert (changes.files_changed, changes.insertions, changes.deletions) == (2, 3, 1)
    assert (changes.commit_count, changes.dirty_files, changes.unpushed) == (2, 2, 2)
    text = changes.text()
    assert "2 commits, 2 files changed, +3 −1:" in text
    assert "Not pushed: 2 commits." in text
    assert "Uncommitted: 2 paths." in text


async def test_pushed_commits_are_not_unpushed(clone: Path) -> None:
    base = head_of(clone)
    commit(clone, "LICENSE")
    git(clone, "push", "--quiet", "origin", "main")
    changes = await changes_since(clone, base)
    assert (changes.commit_count, changes.unpushed) == (1, 0)


async def test_empty_repository_before_and_after(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "-b", "trunk", "new")
    new = tmp_path / "new"
    (new / "draft").write_text("")
    before = await changes_since(new, None)
    assert (before.branch, before.head, before.dirty_files) == ("trunk", None, 1)
    commit(new, "draft", "line\n")
    after = await changes_since(new, None)
    assert (after.commit_count, after.files_changed, after.insertions) == (1, 1, 1)
    assert after.unpushed is None


async def test_rebased_and_switched_branch(clone: Path) -> None:
    commit(clone, "first")
    base = head_of(clone)
    git(clone, "commit", "--quiet", "--amend", "-m", "Say it better")
    git(clone, "switch", "--quiet", "-c", "topic")
    commit(clone, "second")
    changes = await changes_since(clone, base)
    assert changes.rewritten
    assert changes.branch == "topic"
    assert "no longer in this branch's history" in changes.text()
    assert [entry.subject for entry in changes.commits] == ["Add second", "Say it better"]


async def test_commits_on_a_branch_that_was_left_again(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = head_of(clone)
    for name, date in (("topic", "@1700000000 +0000"), ("old", "@1000000000 +0000")):
        monkeypatch.setenv("GIT_COMMITTER_DATE", date)
        git(clone, "switch", "--quiet", "-c", name, base)
        git(clone, "commit", "--quiet", "--allow-empty", "-m", name)
    git(clone, "push", "--quiet", "origin", "topic")
    git(clone, "switch", "--quiet", "main")
    changes = await changes_since(clone, base, began=1_500_000_000.5)
    assert changes.elsewhere == (("topic", 1),)
    assert changes.text() == "Branch: main\nNo new commits on it.\nOn branch topic: 1 new commit."


async def test_detached_head_and_a_commit_that_is_gone(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "--detach")
    changes = await changes_since(clone, "1" * 40)
    assert changes.branch is None
    assert changes.commit_count == 1


async def test_many_commits_and_files_are_bounded(clone: Path) -> None:
    base = head_of(clone)
    for number in range(COMMITS_LIMIT + 3):
        git(clone, "commit", "--quiet", "--allow-empty", "-m", f"Commit {number} " + "x" * 500)
    (clone / "many").mkdir()
    for number in range(500):
        (clone / "many" / f"{number}").write_text("")
    git(clone, "add", "many")
    changes = await changes_since(clone, base)
    assert len(changes.commits) == COMMITS_LIMIT
    assert changes.commit_count == COMMITS_LIMIT + 3
    assert changes.dirty_files == 500
    assert "… and 3 more" in changes.text()
    assert len(changes.text()) < 4000


@pytest.mark.attack
async def test_hostile_subjects_and_options(clone: Path, tmp_path: Path) -> None:
    base = head_of(clone)
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "red \x1b[31m\u202egpj.exe")
    git(clone, "config", "color.ui", "always")
    git(clone, "config", "core.quotePath", "false")
    git(clone, "config", "log.decorate", "full")
    git(clone, "config", "diff.noprefix", "true")
    changes = await changes_since(clone, base)
    assert changes.commits[0].subject == "red [31m gpj.exe"
    proof = tmp_path / "proof"
    assert (await changes_since(clone, f"--output={proof}")).commit_count == 2
    assert not proof.exists()
