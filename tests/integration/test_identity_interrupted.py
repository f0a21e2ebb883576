"""Killed at any step, the next run ends what was begun; the agent never has a key too many."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.github_fixture import TITLE, AgentHome
from tests.github_server import Account, GitHubServer

pytestmark = pytest.mark.fault

KEYS, GPG_KEYS = "/user/keys", "/user/gpg_keys"
ENSURE_REQUESTS, ROTATE_REQUESTS, REVOKE_REQUESTS = 8, 12, 7


def _is_whole(ada: AgentHome, account: Account) -> None:
    """``ensure`` succeeds, and leaves one key of each kind that is the local one."""
    ada.ensure()
    assert [key["key"] for key in account.keys[KEYS]] == [ada.ssh_mark]
    in_use = ada.git_value("user.signingkey")
    assert [key["key_id"] for key in account.keys[GPG_KEYS]] == [in_use[-16:]]
    assert in_use in ada.gpg_secrets()
    assert not ada.leftovers()


def _kill_at_request(ada: AgentHome, github: GitHubServer, number: int, *command: str) -> None:
    """Kill it when the request has taken effect, and the answer is still on its way."""
    with github.stalled(number, after=True) as came:
        process = ada.start(*command)
        assert came.wait(30), f"there is no request {number}"
        process.kill()
        with process:
            process.communicate()


@pytest.mark.parametrize("number", range(1, ENSURE_REQUESTS + 1))
def test_ensure_killed_at_a_request(ada: AgentHome, github: GitHubServer, number: int) -> None:
    _kill_at_request(ada, github, number, "ensure")
    _is_whole(ada, github.accounts[0])


def test_these_are_all_requests(ada: AgentHome, github: GitHubServer) -> None:
    for command, count in (
        ("ensure", ENSURE_REQUESTS),
        ("rotate", ROTATE_REQUESTS),
        ("revoke", REVOKE_REQUESTS),
    ):
        github.seen.clear()
        assert ada.run(command).returncode == 0
        assert len(github.seen) == count, command


@pytest.mark.long
@pytest.mark.slow
def test_rotate_killed_at_a_request(ada: AgentHome, github: GitHubServer) -> None:
    ada.ensure()
    for number in range(1, ROTATE_REQUESTS + 1):
        _kill_at_request(ada, github, number, "rotate")
        _is_whole(ada, github.accounts[0])


@pytest.mark.long
@pytest.mark.slow
def test_revoke_killed_at_a_request(ada: AgentHome, github: GitHubServer) -> None:
    account = github.accounts[0]
    for number in range(1, REVOKE_REQUESTS + 1):
        ada.ensure()
        _kill_at_request(ada, github, number, "revoke")
        assert ada.run("revoke").returncode == 0
        assert account.keys[KEYS] == account.keys[GPG_KEYS] == []
        assert ada.gpg_secrets() == []
        assert not (ada.home / ".ssh/id_ed25519").exists()


STEPS = [
    ("ssh-keygen", "-t ed25519"),
    ("ssh-keygen", "-y"),
    ("gpg", "--quick-generate-key"),
    ("gpg", "--export"),
    ("git", "commit.gpgsign true"),
    ("git", "user.email"),
]


@pytest.fixture
def stops(tmp_path: Path) -> Path:
    """A directory for PATH: its programs stop after they did what is told by ``$STOP``."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("ssh-keygen", "gpg", "git"):
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout
        script = directory / name
        script.write_text(
            "#!/bin/sh\n"
            f'case "{name} $*" in *"$STOP"*) ;; *) exec {real.strip()} "$@" ;; esac\n'
            f'{real.strip()} "$@"\n'
            'echo $$ > "$REACHED.new"; mv "$REACHED.new" "$REACHED"; exec sleep 60\n'
        )
        script.chmod(0o755)
    return directory


@pytest.mark.parametrize(("program", "words"), STEPS)
def test_ensure_killed_at_a_program(
    ada: AgentHome, github: GitHubServer, stops: Path, program: str, words: str
) -> None:
    reached = stops / "reached"
    process = ada.start(
        "ensure", PATH=f"{stops}:{os.environ['PATH']}", STOP=words, REACHED=str(reached)
    )
    deadline = time.monotonic() + 30
    while not reached.exists():
        assert time.monotonic() < deadline, f"{program} was never called with {words}"
        time.sleep(0.01)
    process.kill()
    os.kill(int(reached.read_text()), signal.SIGKILL)
    with process:
        process.communicate()
    _is_whole(ada, github.accounts[0])


def _kill_all(process: subprocess.Popen[str]) -> None:
    """The process with all that it started, as when the power fails."""
    with contextlib.suppress(psutil.NoSuchProcess):
        victims = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
    with process:
        process.communicate()


@pytest.mark.slow
def test_power_fails_at_any_moment(ada: AgentHome, github: GitHubServer) -> None:
    account = github.accounts[0]
    began = time.monotonic()
    ada.ensure()
    took = time.monotonic() - began
    for moment in range(8):
        process = ada.start("rotate")
        time.sleep(took * 1.5 * moment / 8)
        _kill_all(process)
        ada.close()  # gpg's agent is gone as well
        _is_whole(ada, account)
    assert account.titles(KEYS) == [TITLE]


def test_an_interrupt_is_no_traceback(ada: AgentHome, github: GitHubServer) -> None:
    with github.stalled(2, after=False) as came:
        process = ada.start("ensure")
        assert came.wait(30)
        process.send_signal(signal.SIGINT)
        with process:
            _, err = process.communicate()
    assert process.returncode == 130
    assert err == "nuketown-identity: interrupted: run it again, it takes up where it was.\n"
    _is_whole(ada, github.accounts[0])
