"""The wrapper around git, with the real git."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.clone import look_at
from nuketown_daemon.workspace.git import Git
from tests.conftest import Eventually
from tests.workspace_repositories import (
    commit,
    git,
    git_home,  # noqa: F401 - applies to every test here
    make_clone,
    make_remote,
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(make_remote(tmp_path / "hello.git"), tmp_path / "projects" / "hello")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_error_carries_the_telling_line_of_git(clone: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"^git log failed: fatal: .*nowhere.*$"):
        await Git(clone).look("log", "refs/heads/nowhere")


async def test_error_of_a_remote_carries_what_ssh_said(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = script(tmp_path / "ssh", "echo 'Permission denied (publickey).' >&2; exit 255")
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    with pytest.raises(WorkspaceError, match=r"ls-remote failed: Permission denied \(publickey\)"):
        await Git(clone).act("ls-remote", "--", "git@example.org:hello.git")


async def test_error_without_git_says_so(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(WorkspaceError, match="install git"):
        await Git(clone).look("status")


async def test_output_is_bounded(clone: Path) -> None:
    for number in range(300):
        (clone / f"{number:03}{'x' * 200}").write_text("")
    output = await Git(clone).look("status", "--porcelain=v1", "-z", limit=1000)
    assert output.truncated
    assert len(output.stdout) == 1000


@pytest.mark.fault
async def test_what_takes_too_long_is_ended_with_its_children(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    ssh = script(tmp_path / "ssh", f"echo $$ > {pid_file}; exec sleep 600")
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    started = time.monotonic()
    with pytest.raises(WorkspaceError, match="not done after 1 s"):
        await Git(clone).act("ls-remote", "--", "git@example.org:me/x.git", timeout_s=1)
    assert time.monotonic() - started < 8
    await wait_gone(int(pid_file.read_text()))


@pytest.mark.fault
async def test_cancelled_git_is_ended(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    pid_file = tmp_path / "pid"
    ssh = script(tmp_path / "ssh", f"echo $$ > {pid_file}; exec sleep 600")
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    task = asyncio.create_task(Git(clone).act("ls-remote", "--", "git@example.org:me/x.git"))
    await eventually(lambda: pid_file.exists() and pid_file.read_text().strip())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wait_gone(int(pid_file.read_text()))


async def wait_gone(pid: int) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except FileNotFoundError:
                return
            if state == "Z":  # waits for whoever is init here
                return
            await asyncio.sleep(0.01)


async def test_a_connection_kept_in_the_background_is_not_waited_for(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Like ssh with ControlPersist: git ends, a child of ssh keeps standard error open.
    pid_file = tmp_path / "pid"
    ssh = script(
        tmp_path / "ssh",
        f"sleep 30 & echo $! > {pid_file}; git-upload-pack {tmp_path / 'hello.git'}",
    )
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    started = time.monotonic()
    output = await Git(clone).act("ls-remote", "--", "git@example.org:hello.git")
    os.kill(int(pid_file.read_text()), 9)
    assert "refs/heads/main" in output.stdout
    assert time.monotonic() - started < 10


async def test_nothing_can_prompt(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    ssh = script(
        tmp_path / "ssh",
        f"(ps -o tty= -p $$; env) > {seen} 2>&1; exit 255",
    )
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setenv("SSH_ASKPASS", "/usr/bin/ssh-askpass")
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(WorkspaceError):
        await Git(clone).act("ls-remote", "--", "git@example.org:hello.git", timeout_s=20)
    text = seen.read_text()
    assert text.splitlines()[0].strip() == "?"
    assert "GIT_TERMINAL_PROMPT=0" in text
    assert "SSH_ASKPASS=" not in text
    assert "DISPLAY=" not in text
    assert "LC_ALL=C" in text


async def test_http_remote_that_wants_a_password_does_not_hang(clone: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(WorkspaceError, match="could not read Username"):
            await Git(clone).act(
                "ls-remote", "--", f"http://127.0.0.1:{port}/me/hello.git", timeout_s=20
            )


async def test_environment_of_another_repository_is_not_followed(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_clone(tmp_path / "hello.git", tmp_path / "other")
    git(other, "switch", "--quiet", "-c", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    found = await look_at(clone, with_remotes=True)
    assert found is not None
    assert found.workspace.branch == "main"


@pytest.mark.attack
async def test_looking_starts_no_program_of_the_repository(clone: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    evil = script(tmp_path / "evil", f"echo $0 $* >> {proof}")
    for hook in (
        "post-index-change",
        "post-checkout",
        "reference-transaction",
        "fsmonitor-watchman",
    ):
        script(clone / ".git" / "hooks" / hook, f"echo hook {hook} >> {proof}")
    (clone / ".gitattributes").write_text("* diff=evil\n")
    for key in (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass",
        "diff.external", "diff.evil.textconv", "diff.evil.command", "credential.helper",
        "gpg.program", "pager.status", "core.alternateRefsCommand",
    ):  # fmt: skip
        git(clone, "config", key, str(evil))
    git(clone, "config", "log.showSignature", "true")
    git(clone, "config", "protocol.ext.allow", "always")
    git(clone, "config", "remote.origin.url", f"ext::{evil} x")
    # A promisor remote is asked for objects that are missing, by whoever looks.
    git(clone, "config", "remote.origin.promisor", "true")
    git(clone, "config", "extensions.partialClone", "origin")
    git(clone, "config", "core.repositoryFormatVersion", "1")
    (clone / "README").write_text("changed\n")
    found = await look_at(clone, with_remotes=True)
    assert found is not None
    looking = Git(clone)
    await looking.look("status", "--porcelain=v1", "-z")
    await looking.look("log", "-z", "--format=%h %s")
    await looking.look("diff", "--shortstat", "--no-ext-diff", "--no-textconv")
    await looking.look("update-index", "--refresh", accept=range(256))
    missing = await looking.look("cat-file", "-e", "1" * 40, accept=range(256))
    assert missing.code != 0
    assert not proof.exists(), proof.read_text()


@pytest.mark.attack
async def test_ext_remote_of_a_clone_is_not_executed(clone: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    git(clone, "config", "protocol.ext.allow", "always")
    git(clone, "config", "remote.origin.url", f"ext::sh -c 'touch {proof}'")
    with pytest.raises(WorkspaceError, match="transport 'ext' not allowed"):
        await Git(clone).act("ls-remote", "--", "origin")
    assert not proof.exists()


@pytest.mark.attack
async def test_work_tree_configured_elsewhere_is_no_workspace(clone: Path, tmp_path: Path) -> None:
    git(clone, "config", "core.worktree", str(tmp_path))
    with pytest.raises(WorkspaceError, match="not the top of a git work tree"):
        await look_at(clone, with_remotes=True)


async def test_directory_inside_another_repository_is_no_clone(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "projects" / "notes").mkdir(parents=True)
    (tmp_path / "projects" / "notes" / "file").write_text("")
    with pytest.raises(WorkspaceError, match="no git clone"):
        await look_at(tmp_path / "projects" / "notes", with_remotes=False)
    assert await look_at(tmp_path / "projects" / "missing", with_remotes=False) is None


async def test_bare_repository_is_no_workspace(tmp_path: Path) -> None:
    bare = make_remote(tmp_path / "hello.git")
    with pytest.raises(WorkspaceError):
        await look_at(bare, with_remotes=True)


async def test_empty_and_detached_repositories(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "-b", "trunk", "empty")
    empty = await look_at(tmp_path / "empty", with_remotes=True)
    assert empty is not None
    assert (empty.workspace.branch, empty.workspace.head) == ("trunk", None)
    head = commit(clone, "more")
    git(clone, "checkout", "--quiet", "--detach")
    detached = await look_at(clone, with_remotes=False)
    assert detached is not None
    assert (detached.workspace.branch, detached.workspace.head) == (None, head)


async def test_looking_takes_two_runs_of_git(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.run(
        ["which", "git"], capture_output=True, text=True, check=True
    ).stdout.strip()
    runs = tmp_path / "runs"
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin" / "git", f'echo "$*" >> {runs}; exec {real} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    await look_at(clone, with_remotes=True)
    assert len(runs.read_text().splitlines()) == 2
