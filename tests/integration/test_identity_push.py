"""The promise: an empty home, a token, one command; then ``git commit -S && git push`` work."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.github_fixture import EMAIL, AgentHome
from tests.github_server import GitHubServer
from tests.github_ssh import GitOverSsh

_BIND = 'mount --bind "$1" /etc/passwd && shift && exec "$@"'


class Shell:
    """Runs git as the agent. ssh takes the home from the passwd file, not from ``$HOME``."""

    def __init__(self, ada: AgentHome) -> None:
        self._ada = ada
        passwd = ada.home.with_name("passwd")
        passwd.write_text(f"root:x:0:0::{ada.home}:/bin/sh\n")
        spaces = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() else []), "--mount"]
        self._prefix = [*spaces, "sh", "-c", _BIND, "sh", str(passwd)]
        self._environment: dict[str, str] = {}
        if subprocess.run([*self._prefix, "true"], capture_output=True, check=False).returncode:
            # A machine without mount namespaces: the files are named to ssh.
            ssh = ada.home / ".ssh"
            self._prefix = []
            self._environment["GIT_SSH_COMMAND"] = (
                f"ssh -F none -i {ssh}/id_ed25519 -o UserKnownHostsFile={ssh}/known_hosts"
            )

    def git(self, *arguments: str | Path) -> str:
        """Run git, which must succeed."""
        return self._ada.tool(*self._prefix, "git", *arguments, **self._environment)

    def fails(self, *arguments: str | Path) -> str:
        """Run git, which must fail; return its complaint."""
        done = subprocess.run(
            [*self._prefix, "git", *arguments], env=self._ada.environment | self._environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode != 0
        return done.stderr


@pytest.fixture
def ssh(github: GitHubServer, tmp_path: Path) -> Iterator[GitOverSsh]:
    repositories = tmp_path / "repositories"
    subprocess.run(
        ["git", "init", "-q", "--bare", "-b", "main", repositories / "hello.git"], check=True
    )
    with GitOverSsh(github, repositories) as server:
        yield server


@pytest.fixture
def hello(ssh: GitOverSsh) -> str:
    return f"ssh://git@127.0.0.1:{ssh.port}/hello.git"


def _verify(clone: Path, josh: Path, *arguments: str) -> str:
    """Verify the last commit as josh; gpg's and ssh's words."""
    done = subprocess.run(
        ["git", "-C", clone, *arguments, "verify-commit", "--raw", "HEAD"],
        env={"PATH": os.environ["PATH"], "HOME": str(josh)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def josh(short_tmp: Path) -> Iterator[Path]:
    """Another user's home, with a keyring of its own."""
    home = short_tmp / "josh"
    (home / ".gnupg").mkdir(parents=True, mode=0o700)
    yield home
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=True)


def _commit_and_push(shell: Shell, ada: AgentHome, hello: str, text: str) -> Path:
    clone = ada.home / "hello"
    if not clone.exists():
        shell.git("clone", "-q", hello, clone)
    (clone / "README").write_text(text)
    shell.git("-C", clone, "add", "README")
    shell.git("-C", clone, "commit", "-q", "-S", "-m", text)
    shell.git("-C", clone, "push", "-q", "origin", "HEAD:main")
    return clone


def _published(github: GitHubServer, josh: Path, tmp_path: Path, hello: str) -> Path:
    """What josh sees: GitHub's copy of the repository, and of ada's public GPG keys."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(josh)}
    for key in github.accounts[0].keys["/user/gpg_keys"]:
        subprocess.run(
            ["gpg", "--batch", "--quiet", "--import"], input=key["raw_key"], text=True,
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
    clone = tmp_path / "josh's hello"
    subprocess.run(["git", "clone", "-q", tmp_path / "repositories/hello.git", clone], check=True)
    return clone


def test_commit_and_push_from_an_empty_home(
    ada: AgentHome, github: GitHubServer, ssh: GitOverSsh, hello: str, josh: Path, tmp_path: Path
) -> None:
    ada.ensure()
    shell = Shell(ada)
    _commit_and_push(shell, ada, hello, "hello")
    assert set(ssh.logins) == {"ada-agent"}
    said = _verify(_published(github, josh, tmp_path, hello), josh)
    assert "GOODSIG" in said
    assert ada.gpg_secrets()[0] in said
    assert f"<{EMAIL}>" in said


def test_commits_are_signed_without_being_asked_for(ada: AgentHome) -> None:
    ada.ensure()
    ada.tool("git", "init", "-q", "x")
    ada.tool("git", "-C", "x", "commit", "-q", "--allow-empty", "-m", "x")
    ada.tool("git", "-C", "x", "tag", "-m", "first", "v1")
    assert ada.tool("git", "-C", "x", "log", "-1", "--format=%G? %ae").strip() == f"U {EMAIL}" or (
        ada.tool("git", "-C", "x", "log", "-1", "--format=%G? %ae").strip() == f"G {EMAIL}"
    )
    ada.tool("git", "-C", "x", "verify-tag", "v1")


def test_after_a_rotation_and_after_a_lost_disk(
    ada: AgentHome, github: GitHubServer, hello: str, josh: Path, tmp_path: Path
) -> None:
    ada.ensure()
    shell = Shell(ada)
    _commit_and_push(shell, ada, hello, "one")
    assert ada.run("rotate").returncode == 0
    _commit_and_push(shell, ada, hello, "two")
    ada.close()
    for name in (".ssh", ".gnupg", ".gitconfig"):
        ada.tool("rm", "-r", name)
    assert "Host key verification failed" in shell.fails("ls-remote", hello)
    ada.ensure()
    _commit_and_push(shell, ada, hello, "three")
    clone = _published(github, josh, tmp_path, hello)
    assert ada.gpg_secrets()[0] in _verify(clone, josh)
    assert subprocess.run(
        ["git", "-C", clone, "log", "--format=%s"], capture_output=True, text=True, check=True
    ).stdout.split() == ["three", "two", "one"]


def test_a_revoked_agent_is_out(ada: AgentHome, hello: str) -> None:
    ada.ensure()
    shell = Shell(ada)
    key = ada.home / ".ssh/id_ed25519"
    stolen = key.read_bytes()
    assert ada.run("revoke").returncode == 0
    key.touch(0o600)
    key.write_bytes(stolen)
    assert "Permission denied" in shell.fails("ls-remote", hello)


def test_another_host_key_is_not_trusted(ada: AgentHome, github: GitHubServer, hello: str) -> None:
    """What /meta publishes is all that ssh believes."""
    github.host_keys = [github.host_keys[0][:-4] + "AAAA"]
    ada.ensure()
    assert "Host key verification failed" in Shell(ada).fails("ls-remote", hello)


def test_commits_signed_with_the_ssh_key(
    new_home: Callable[..., AgentHome],
    github: GitHubServer,
    hello: str,
    josh: Path,
    tmp_path: Path,
) -> None:
    ada = new_home(github='signing = "ssh"')
    ada.ensure()
    _commit_and_push(Shell(ada), ada, hello, "hello")
    [signing] = github.accounts[0].keys["/user/ssh_signing_keys"]
    allowed = josh / "allowed_signers"
    allowed.write_text(f"{EMAIL} {signing['key']}\n")
    clone = _published(github, josh, tmp_path, hello)
    said = _verify(clone, josh, "-c", f"gpg.ssh.allowedSignersFile={allowed}")
    assert f'Good "git" signature for {EMAIL}' in said
