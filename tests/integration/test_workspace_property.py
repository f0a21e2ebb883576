"""Whatever is in a clone and whatever the human answers: preparing it loses no content."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.resolver import Resolver
from tests.preparation_observer import Person
from tests.workspace_repositories import (
    commit,
    git,
    git_home,  # noqa: F401 - applies to every test here
    make_clone,
    make_remote,
)

WORK = ("changed", "staged", "untracked", "in the way", "ignored in the way", "detached", "removed")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A clone on main; ``topic`` has the files ``topic-file`` and ``ignored-file``."""
    remote = make_remote(tmp_path / "hello.git")
    work = tmp_path / "hello.git-work"
    git(work, "switch", "--quiet", "-c", "topic")
    commit(work, "topic-file")
    commit(work, "ignored-file")
    git(work, "push", "--quiet", str(remote), "topic")
    clone = make_clone(remote, tmp_path / "template")
    (clone / ".git" / "info" / "exclude").write_text("ignored-file\n")
    return clone


def do_work(clone: Path, work: set[str]) -> list[bytes]:
    """Leave work in ``clone``; return the contents that must not be lost."""
    if "detached" in work:
        git(clone, "checkout", "--quiet", "--detach")
        commit(clone, "detached-file", "committed on no branch\n")
    files = {
        "changed": "README",
        "staged": "staged-file",
        "untracked": "untracked-file",
        "in the way": "topic-file",
        "ignored in the way": "ignored-file",
    }
    contents = []
    for kind, name in files.items():
        if kind in work:
            (clone / name).write_text(f"{kind}\n")
            contents.append(f"{kind}\n".encode())
    if "staged" in work:
        git(clone, "add", "staged-file")
    if "removed" in work and "changed" not in work:
        (clone / "README").unlink()
    return contents + ([b"committed on no branch\n"] if "detached" in work else [])


def kept_contents(clone: Path) -> Iterator[bytes]:
    """Everything in the work tree and in what branches and the stash reach."""
    for path in clone.iterdir():
        if path.is_file():
            yield path.read_bytes()
    named = git(clone, "for-each-ref", "--format=%(refname)").split()
    # refs/stash is the newest; the others are in its log.
    named += git(clone, "stash", "list", "--format=%H").split()
    for line in git(clone, "rev-list", "--objects", *named).splitlines():
        name = line.split()[0]
        if git(clone, "cat-file", "-t", name).strip() == "blob":
            yield subprocess.run(
                ["git", "-C", str(clone), "cat-file", "blob", name], capture_output=True, check=True
            ).stdout


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    work=st.sets(st.sampled_from(WORK)),
    answers=st.lists(st.sampled_from(["commit", "stash", "cancel", "?", "1", "2"]), max_size=4),
    branch=st.sampled_from(["topic", "brand-new", "main"]),
)
def test_no_content_is_lost(
    template: Path, work: set[str], answers: list[str], branch: str
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory).resolve() / "hello"
        shutil.copytree(template, clone, symlinks=True)
        contents = do_work(clone, work)
        configuration = Configuration(
            identity={"name": "ada"}, daemon={"projects_dir": str(clone.parent)}
        )
        resolver = Resolver(configuration, clone.parent / ".state")
        person = Person(*answers)
        with contextlib.suppress(WorkspaceError):
            workspace = asyncio.run(resolver.resolve("hello", branch, "work", person))
            assert workspace.branch == branch
            assert git(clone, "branch", "--show-current").strip() == branch
        kept = set(kept_contents(clone))
        assert not [content for content in contents if content not in kept]
        assert not person.events
