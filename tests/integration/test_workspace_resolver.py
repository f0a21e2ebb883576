"""Workspaces that need no model: cache check, clone, branches, and what the human decides."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.contract import Workspace, WorkspaceResolver
from nuketown_daemon.workspace.resolver import Resolver
from tests.conftest import Eventually
from tests.preparation_observer import Person
from tests.workspace_repositories import (
    commit,
    git,
    git_home,  # noqa: F401 - applies to every test here
    make_clone,
    make_remote,
    push_branch,
)


class Town:
    """A remote, a projects directory and a resolver."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.remote = make_remote(tmp_path / "hello.git", branches=("feature/x",))
        self.projects = tmp_path / "projects"
        self.clone = self.projects / "hello"
        self.repos: dict[str, Any] = {"hello": {"url": str(self.remote)}}

    def resolver(self) -> WorkspaceResolver:
        configuration = Configuration(
            identity={"name": "ada", "home": str(self.tmp_path / "home")},
            daemon={"projects_dir": str(self.projects)},
            repos=self.repos,
        )
        return Resolver(configuration, self.tmp_path / "state")

    async def resolve(
        self, person: Person, branch: str | None = None, project: str = "hello", **options: Any
    ) -> Workspace:
        # Without an allowance no model is asked: these tests would fail if one was needed.
        options = {"max_cost_usd": 0.0} | options
        return await self.resolver().resolve(project, branch, "fix it", person, **options)

    @property
    def leftovers(self) -> list[Path]:
        return list(self.projects.glob(".*"))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def cloned(town: Town) -> Town:
    make_clone(town.remote, town.clone)
    return town


def branch_of(clone: Path) -> str:
    return git(clone, "branch", "--show-current").strip()


# -- the cache check


async def test_ready_clone_is_used_without_network_or_model(cloned: Town) -> None:
    cloned.remote.rename(cloned.tmp_path / "gone.git")
    person = Person()
    workspace = await cloned.resolve(person, model_allowed=False)
    head = git(cloned.clone, "rev-parse", "HEAD").strip()
    assert workspace == Workspace(cloned.clone, "main", head)
    assert person.silent
    assert not person.told


async def test_unknown_clone_on_any_branch_is_ready(cloned: Town) -> None:
    cloned.repos = {}
    git(cloned.clone, "switch", "--quiet", "-c", "whatever")
    (cloned.clone / "README").write_text("in the middle of work\n")
    assert (await cloned.resolve(Person(), model_allowed=False)).branch == "whatever"


async def test_configured_branch_counts_where_none_is_asked(cloned: Town) -> None:
    cloned.repos["hello"]["branch"] = "feature/x"
    assert (await cloned.resolve(Person())).branch == "feature/x"
    assert (await cloned.resolve(Person(), "main")).branch == "main"


async def test_after_an_interrupted_bootstrap_only_looks(town: Town) -> None:
    with pytest.raises(WorkspaceError, match="interrupted"):
        await town.resolve(Person(), model_allowed=False)
    assert not town.clone.exists()


# -- a new clone


async def test_configured_project_is_cloned_without_a_model(town: Town) -> None:
    person = Person()
    workspace = await town.resolve(person)
    assert workspace.path == town.clone
    assert workspace.branch == "main"
    assert git(town.clone, "remote", "get-url", "origin").strip() == str(town.remote)
    assert person.silent
    assert town.leftovers == []


async def test_clone_goes_into_an_empty_directory(town: Town) -> None:
    town.clone.mkdir(parents=True)
    assert (await town.resolve(Person())).branch == "main"


async def test_fresh_clone_is_on_the_branch_of_the_remote(town: Town) -> None:
    workspace = await town.resolve(Person(), "feature/x")
    assert workspace.branch == "feature/x"
    assert (town.clone / "on-feature-x").exists()
    upstream = git(town.clone, "rev-parse", "--abbrev-ref", "@{upstream}").strip()
    assert upstream == "origin/feature/x"


async def test_empty_remote_is_a_workspace_without_a_commit(town: Town) -> None:
    empty = town.tmp_path / "empty.git"
    git(town.tmp_path, "init", "--quiet", "--bare", "-b", "main", str(empty))
    town.repos["hello"]["url"] = str(empty)
    workspace = await town.resolve(Person(), "start")
    assert (workspace.branch, workspace.head) == ("start", None)


@pytest.mark.fault
async def test_clone_that_was_killed_leaves_nothing_and_is_repeated(
    town: Town, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    pid_file = town.tmp_path / "pid"
    slow = town.tmp_path / "slow-ssh"
    slow.write_text(f"#!/bin/sh\necho $PPID > {pid_file}\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(slow))
    town.repos["hello"]["url"] = "git@example.org:hello.git"
    task = asyncio.create_task(town.resolve(Person("cancel")))
    await eventually(lambda: pid_file.exists() and pid_file.read_text().strip())
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    with pytest.raises(WorkspaceError, match="as you said"):
        await task
    assert not town.clone.exists()
    # What a daemon leaves that was killed itself at this point:
    (town.projects / ".nuketown-clone-0123" / ".git").mkdir(parents=True)
    ssh = town.tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\nexec git-upload-pack {town.remote}\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    assert (await town.resolve(Person())).branch == "main"
    assert town.leftovers == []


@pytest.mark.fault
async def test_cancelled_clone_leaves_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    started = town.tmp_path / "started"
    slow = town.tmp_path / "slow-ssh"
    slow.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(slow))
    town.repos["hello"]["url"] = "git@example.org:hello.git"
    task = asyncio.create_task(town.resolve(Person()))
    await eventually(started.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(town.projects.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@example.org:me/hello.git", "git@example.org git-upload-pack 'me/hello.git'"),
        (
            "ssh://git@example.org:2222/me/hello.git",
            "-p 2222 git@example.org git-upload-pack '/me/hello.git'",
        ),
    ],
)
async def test_ssh_remotes_reach_ssh_as_they_are_written(
    town: Town, monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    seen = town.tmp_path / "argv"
    (town.tmp_path / "bin").mkdir()
    ssh = town.tmp_path / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$@" >> {seen}\nexec git-upload-pack {town.remote}\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    town.repos["hello"]["url"] = url
    await town.resolve(Person())
    assert git(town.clone, "config", "remote.origin.url").strip() == url
    assert all(line.endswith(expected) for line in seen.read_text().splitlines())


async def test_https_remote_is_asked_as_it_is_written(town: Town) -> None:
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n"))
        writer.write(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        town.repos["hello"]["url"] = f"http://127.0.0.1:{port}/me/hello.git"
        with pytest.raises(WorkspaceError, match="nothing was cloned"):
            await town.resolve(Person("cancel"))
    assert requests[0].startswith(b"GET /me/hello.git/info/refs?service=git-upload-pack")


# -- branches of a clone that is there


async def test_local_branch_is_taken_as_it_is(cloned: Town) -> None:
    git(cloned.clone, "switch", "--quiet", "-c", "mine")
    head = commit(cloned.clone, "mine")
    git(cloned.clone, "switch", "--quiet", "main")
    cloned.remote.rename(cloned.tmp_path / "gone.git")
    cloned.repos = {}
    workspace = await cloned.resolve(Person(), "mine")
    assert (workspace.branch, workspace.head) == ("mine", head)


async def test_branch_that_is_new_on_the_remote_is_fetched(cloned: Town) -> None:
    head = push_branch(cloned.remote, "newer", "newer")
    person = Person()
    workspace = await cloned.resolve(person, "newer")
    assert (workspace.branch, workspace.head) == ("newer", head)
    assert person.silent


async def test_branch_that_is_nowhere_is_created_from_the_default_branch(cloned: Town) -> None:
    git(cloned.clone, "switch", "--quiet", "-c", "other")
    commit(cloned.clone, "other")
    person = Person()
    workspace = await cloned.resolve(person, "brand-new")
    assert workspace.branch == "brand-new"
    assert not (cloned.clone / "other").exists()
    assert any("creating it from main" in text for text in person.told)
    assert person.silent


async def test_new_branch_starts_from_what_the_remote_has_now(cloned: Town) -> None:
    work = cloned.tmp_path / "hello.git-work"
    head = commit(work, "later")
    git(work, "push", "--quiet", str(cloned.remote), "main")
    assert (await cloned.resolve(Person(), "brand-new")).head == head


async def test_new_branch_keeps_commits_of_main_not_pushed_yet(cloned: Town) -> None:
    head = commit(cloned.clone, "unpushed")
    assert (await cloned.resolve(Person(), "brand-new")).head == head


async def test_without_the_remote_a_new_branch_is_asked_about(cloned: Town) -> None:
    cloned.remote.rename(cloned.tmp_path / "gone.git")
    with pytest.raises(WorkspaceError, match="left as it is"):
        await cloned.resolve(Person("cancel"), "brand-new")
    assert branch_of(cloned.clone) == "main"
    assert (await cloned.resolve(Person("create"), "brand-new")).branch == "brand-new"


async def test_without_the_remote_its_last_known_branch_will_do(cloned: Town) -> None:
    cloned.remote.rename(cloned.tmp_path / "gone.git")
    person = Person()
    assert (await cloned.resolve(person, "feature/x")).branch == "feature/x"
    assert person.silent
    assert any("fetched before" in text for text in person.told)


async def test_repository_without_remote_gets_its_branch(town: Town) -> None:
    town.repos = {}
    town.clone.mkdir(parents=True)
    git(town.clone, "init", "--quiet", "-b", "trunk")
    assert (await town.resolve(Person(), "first")).branch == "first"
    commit(town.clone, "file")
    assert (await town.resolve(Person(), "second")).branch == "second"


async def test_a_clone_of_one_branch_gets_another_one(town: Town) -> None:
    git(town.tmp_path, "clone", "--quiet", "--depth=1", f"file://{town.remote}", str(town.clone))
    town.repos["hello"]["url"] = f"file://{town.remote}"
    assert (await town.resolve(Person(), "feature/x")).branch == "feature/x"
    assert (town.clone / "on-feature-x").exists()
    assert git(town.clone, "status", "--porcelain") == ""
    assert git(town.clone, "config", "branch.feature/x.merge").strip() == "refs/heads/feature/x"


# -- nothing is thrown away


def dirty(clone: Path) -> None:
    (clone / "README").write_text("uncommitted\n")


async def test_dirty_clone_is_not_switched_without_an_answer(cloned: Town) -> None:
    dirty(cloned.clone)
    for person in (Person(), Person("cancel"), Person("hm", "no idea")):
        with pytest.raises(WorkspaceError):
            await cloned.resolve(person, "feature/x")
        assert "README" in person.questions[0][0]
        assert person.questions[0][1] == ("commit", "stash", "cancel")
        assert branch_of(cloned.clone) == "main"
        assert (cloned.clone / "README").read_text() == "uncommitted\n"


async def test_changes_are_committed_where_they_were(cloned: Town) -> None:
    dirty(cloned.clone)
    (cloned.clone / "untracked").write_text("stays\n")
    assert (await cloned.resolve(Person("commit"), "feature/x")).branch == "feature/x"
    assert git(cloned.clone, "show", "main:README") == "uncommitted\n"
    assert (cloned.clone / "untracked").read_text() == "stays\n"


async def test_changes_are_stashed(cloned: Town) -> None:
    dirty(cloned.clone)
    assert (await cloned.resolve(Person("stash"), "feature/x")).branch == "feature/x"
    git(cloned.clone, "switch", "--quiet", "main")
    git(cloned.clone, "stash", "pop", "--quiet")
    assert (cloned.clone / "README").read_text() == "uncommitted\n"


async def test_untracked_file_in_the_way_is_kept(cloned: Town) -> None:
    (cloned.clone / "on-feature-x").write_text("mine\n")
    with pytest.raises(WorkspaceError, match="as you said"):
        await cloned.resolve(Person("cancel"), "feature/x")
    assert (cloned.clone / "on-feature-x").read_text() == "mine\n"
    assert (await cloned.resolve(Person("stash"), "feature/x")).branch == "feature/x"
    assert git(cloned.clone, "show", "stash@{0}^3:on-feature-x") == "mine\n"


async def test_ignored_file_in_the_way_is_kept(cloned: Town) -> None:
    (cloned.clone / ".git" / "info" / "exclude").write_text("on-feature-x\n")
    (cloned.clone / "on-feature-x").write_text("mine\n")
    with pytest.raises(WorkspaceError, match="overwritten"):
        await cloned.resolve(Person(), "feature/x")
    assert (cloned.clone / "on-feature-x").read_text() == "mine\n"


async def test_commits_of_a_detached_head_get_a_name(cloned: Town) -> None:
    git(cloned.clone, "checkout", "--quiet", "--detach")
    head = commit(cloned.clone, "detached")
    person = Person()
    assert (await cloned.resolve(person, "feature/x")).branch == "feature/x"
    kept = git(cloned.clone, "for-each-ref", "--contains", head, "refs/heads/nuketown")
    assert "refs/heads/nuketown/kept-" in kept
    assert any("nuketown/kept-" in text for text in person.told)


async def test_unfinished_merge_is_left_alone(cloned: Town) -> None:
    commit(cloned.clone, "on-feature-x", "conflict\n")
    merge = asyncio.create_subprocess_exec(
        "git", "-C", str(cloned.clone), "merge", "--quiet", "origin/feature/x",
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await (await merge).wait() != 0
    person = Person("stash")
    with pytest.raises(WorkspaceError, match="in the middle of a merge"):
        await cloned.resolve(person, "feature/x")
    assert not person.questions
    assert (cloned.clone / ".git" / "MERGE_HEAD").exists()


@pytest.mark.fault
async def test_what_a_killed_git_left_locked_is_named(cloned: Town) -> None:
    dirty(cloned.clone)
    lock = cloned.clone / ".git" / "index.lock"
    lock.touch()
    person = Person("stash")
    with pytest.raises(WorkspaceError, match=rf"if none is, remove {lock}\.$"):
        await cloned.resolve(person, "feature/x")
    assert not person.questions
    lock.unlink()
    reference = cloned.clone / ".git" / "refs" / "heads" / "feature" / "x.lock"
    reference.parent.mkdir()
    reference.touch()
    with pytest.raises(WorkspaceError, match=r"x\.lock': File exists\. If no git is at work"):
        await cloned.resolve(person, "feature/x")


async def test_why_a_stash_is_refused_is_said(cloned: Town) -> None:
    dirty(cloned.clone)
    git(cloned.clone, "stash")
    commit(cloned.clone, "README", "another\n")
    with pytest.raises(AssertionError):  # a conflict
        git(cloned.clone, "stash", "pop")
    with pytest.raises(WorkspaceError, match="README: needs merge"):
        await cloned.resolve(Person("stash"), "feature/x")
    assert git(cloned.clone, "stash", "list").count("\n") == 1


# -- what is not as configured, and what attacks


async def test_other_remote_is_asked_about(cloned: Town) -> None:
    cloned.repos["hello"]["url"] = "git@example.org:me/hello.git"
    person = Person("cancel")
    with pytest.raises(WorkspaceError, match=r"repos\.toml"):
        await cloned.resolve(person)
    assert "git@example.org:me/hello.git" in person.questions[0][0]
    assert (await cloned.resolve(Person("use"))).branch == "main"


@pytest.mark.attack
@pytest.mark.parametrize("name", ["../../etc", "..", "-x", "a/b", ".git", "x\n", "", "a\0"])
async def test_names_that_are_paths_are_refused(town: Town, name: str) -> None:
    with pytest.raises(WorkspaceError, match="not a project name"):
        await town.resolve(Person(), project=name)


@pytest.mark.attack
async def test_branch_that_is_an_option_is_refused(cloned: Town) -> None:
    with pytest.raises(WorkspaceError, match="not a branch name"):
        await cloned.resolve(Person(), "--orphan=x")


@pytest.mark.attack
async def test_link_out_of_the_projects_directory_is_no_workspace(town: Town) -> None:
    outside = make_clone(town.remote, town.tmp_path / "outside")
    town.projects.mkdir()
    (town.projects / "hello").symlink_to(outside)
    town.repos = {}
    with pytest.raises(WorkspaceError, match="symbolic link"):
        await town.resolve(Person())
    assert town.resolver().known_projects() == {}


async def test_directory_that_is_no_clone_is_left_alone(town: Town) -> None:
    town.clone.mkdir(parents=True)
    (town.clone / "thesis.txt").write_text("years\n")
    with pytest.raises(WorkspaceError, match="no git clone"):
        await town.resolve(Person())
    assert (town.clone / "thesis.txt").read_text() == "years\n"


async def test_a_clone_that_git_can_not_read_is_not_made_anew(cloned: Town) -> None:
    """A power cut leaves an empty file, say; git init would be no remedy."""
    (cloned.clone / ".git" / "refs" / "heads" / "main").write_text("")
    with pytest.raises(WorkspaceError, match=r"hello: git can't read HEAD .* mend the clone"):
        await cloned.resolve(Person())
    (cloned.clone / ".git" / "config").write_text("[core\n")
    with pytest.raises(WorkspaceError, match=r"bad config line 1.* mend the clone, or move it"):
        await cloned.resolve(Person())


@pytest.mark.root
async def test_a_clone_of_another_user_is_not_called_none(cloned: Town) -> None:
    os.chown(cloned.clone, 65534, 65534)
    with pytest.raises(WorkspaceError, match=r"belongs to another user.*safe\.directory"):
        await cloned.resolve(Person())


async def test_projects_directory_may_itself_be_a_link(town: Town) -> None:
    (town.tmp_path / "disk").mkdir()
    town.projects.symlink_to(town.tmp_path / "disk")
    workspace = await town.resolve(Person())
    assert workspace.path == town.tmp_path / "disk" / "hello"


async def test_file_in_place_of_the_project_is_named(town: Town) -> None:
    town.projects.mkdir()
    (town.projects / "hello").write_text("")
    with pytest.raises(WorkspaceError, match="is a file"):
        await town.resolve(Person())


@pytest.mark.fault
async def test_state_that_can_not_be_written_is_a_sentence(town: Town) -> None:
    (town.tmp_path / "state").write_text("a file where a directory belongs")
    with pytest.raises(WorkspaceError, match="mend it and ask again"):
        await town.resolve(Person("cancel"), project="other")


# -- the human instead of a model


async def test_unknown_project_is_cloned_from_the_url_the_human_sends(town: Town) -> None:
    person = Person(f"it is file://{town.remote}, I think")
    workspace = await town.resolve(person, project="hullo")
    assert workspace.path == town.projects / "hullo"
    question, choices = person.questions[0]
    assert "hullo" in question
    assert choices == ("hello", "cancel")


async def test_misspelt_project_is_the_known_one_the_human_chooses(cloned: Town) -> None:
    workspace = await cloned.resolve(Person("1"), project="hell")
    assert workspace.path == cloned.clone


async def test_wrong_urls_end_in_a_sentence(town: Town) -> None:
    person = Person(*["file:///nowhere/x.git"] * 3)
    with pytest.raises(
        WorkspaceError, match=r"could not find out where other is.*repos\.toml and restart"
    ):
        await town.resolve(person, project="other")
    assert "/nowhere/x.git" in person.questions[1][0]
    assert town.leftovers == []


@pytest.mark.attack
async def test_answer_that_names_a_program_is_no_remote(town: Town) -> None:
    proof = town.tmp_path / "proof"
    person = Person(f"ext::sh -c 'touch {proof}'", f"--upload-pack=touch {proof}", "cancel")
    with pytest.raises(WorkspaceError):
        await town.resolve(person, project="other")
    assert not proof.exists()


async def test_known_projects_are_configured_and_cloned_ones(town: Town) -> None:
    make_clone(town.remote, town.projects / "other")
    known = town.resolver().known_projects()
    assert known == {"hello": str(town.remote), "other": None}
