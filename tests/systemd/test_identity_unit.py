"""docs/nuketown-identity.service in a booted container: real accounts, sandbox, ssh and journal."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuketown_demo import debian
from nuketown_demo.container import CHECKOUT, ENVIRONMENT, PYTHON_PATH, Container
from tests.github_fixture import EMAIL, TITLE, TOKEN
from tests.github_server import GitHubServer
from tests.github_ssh import GitOverSsh
from tests.nix.debian_trial import PACKAGES
from tests.systemd.agent import Agent

pytestmark = pytest.mark.systemd

UNIT, TIMER = "nuketown-identity.service", "nuketown-identity.timer"
_numbers = itertools.count(1)
_PROGRAM = (
    f"#!/bin/sh\nexport PYTHONPATH={PYTHON_PATH} PYTHONDONTWRITEBYTECODE=1\n"
    f'exec {ENVIRONMENT}/bin/python -m nuketown_daemon.identity "$@"\n'
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A machine with what keys are made with, on this machine's network."""
    root = debian.root(PACKAGES)
    log = tmp_path_factory.mktemp("identity") / "boot.log"
    with Container(root, log, network=True) as booted:
        booted.run("useradd", "--create-home", "josh")
        yield booted


@pytest.fixture
def ada(
    machine: Container, github: GitHubServer, request: pytest.FixtureRequest
) -> Iterator[Agent]:
    """An agent with a token and the units, not started."""
    agent = Agent(machine, f"keys{next(_numbers)}")
    agent.write(".token", TOKEN, mode=0o600)
    agent.write(
        ".config/nuketown/identity.toml",
        f'name = "{agent.name}"\nemail = "{EMAIL}"\n[github]\napi_url = "{github.api_url}"\n'
        f'key_title = "{TITLE}"\ntoken_file = "{agent.home}/.token"\n',
    )
    agent.write(".local/bin/nuketown-identity", _PROGRAM, mode=0o755)
    for name in (UNIT, TIMER):
        agent.write(f".config/systemd/user/{name}", (CHECKOUT / "docs" / name).read_text())
    agent.systemctl("daemon-reload")
    yield agent
    agent.remove()


def _journal(ada: Agent) -> list[dict[str, str]]:
    ada.container.run("journalctl", "--sync")
    ours = f"_UID={ada.run('id', '-u').strip()}"
    output = ada.container.run(
        "journalctl", "--output=json",
        ours, f"_SYSTEMD_USER_UNIT={UNIT}", "+", ours, f"USER_UNIT={UNIT}",
    )  # fmt: skip
    return [json.loads(line) for line in output.splitlines()]


def _start(ada: Agent) -> None:
    ada.systemctl("start", UNIT, check=False)
    result = ada.systemctl("show", "--value", "--property=Result", UNIT).strip()
    assert result == "success", [entry["MESSAGE"] for entry in _journal(ada)]


def test_systemd_accepts_the_units(ada: Agent) -> None:
    for name in (UNIT, TIMER):
        path = f"{ada.home}/.config/systemd/user/{name}"
        said = ada.run("sh", "-c", f"systemd-analyze --user verify {path} 2>&1")
        assert "nuketown-identity" not in said


def test_started_it_makes_keys_that_push_signed_commits(
    ada: Agent, github: GitHubServer, tmp_path: Path
) -> None:
    _start(ada)
    assert github.accounts[0].titles("/user/keys") == [TITLE]
    said = [entry["MESSAGE"] for entry in _journal(ada)]
    assert any(line.startswith("registered GPG key") for line in said)
    assert TOKEN not in json.dumps(_journal(ada))

    # From here on nothing but git, as its user types it.
    repositories = tmp_path / "repositories"
    ada.run("git", "-C", f"{ada.home}/projects/hello", "commit", "-qS", "--allow-empty", "-m", "x")
    with GitOverSsh(github, repositories) as ssh:
        repositories.mkdir()
        # The host key is known only now; the timer would find it within the hour.
        _start(ada)
        _bare(repositories / "hello.git")
        address = f"ssh://git@127.0.0.1:{ssh.port}/hello.git"
        ada.run("git", "-C", f"{ada.home}/projects/hello", "push", "-q", address, "HEAD:main")
        assert set(ssh.logins) == {"ada-agent"}

    _josh_verifies(ada, github)


def _bare(path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)


def _josh_verifies(ada: Agent, github: GitHubServer) -> None:
    """Another account, with GitHub's copy of the public key."""
    [key] = github.accounts[0].keys["/user/gpg_keys"]
    ada.container.write("/home/josh/ada.asc", key["raw_key"], owner="josh")
    ada.container.run("cp", "-r", f"{ada.home}/projects/hello", "/home/josh/hello")
    ada.container.run("chown", "-R", "josh:", "/home/josh/hello")
    ada.container.run("gpg", "--batch", "--quiet", "--import", "/home/josh/ada.asc", user="josh")
    said = ada.container.run(
        "sh", "-c", "git -C /home/josh/hello verify-commit --raw HEAD 2>&1", user="josh"
    )
    assert "GOODSIG" in said
    assert EMAIL in said


def test_the_sandbox_is_in_force(ada: Agent) -> None:
    ada.write(
        "probe",
        "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status\n"
        "touch /etc/x || echo no /etc\nls ~/projects || echo no projects\n"
        "ls /dev/kmsg || echo no devices\n",
    )
    ada.write(
        f".config/systemd/user/{UNIT}.d/probe.conf",
        "[Service]\nExecStartPost=sh -c '. %h/probe >%h/probed 2>&1'\n",
    )
    ada.systemctl("daemon-reload")
    _start(ada)
    said = ada.run("cat", f"{ada.home}/probed")
    assert re.search(r"NoNewPrivs:\s+1", said)
    assert re.search(r"Seccomp:\s+2", said)
    for lacking in ("/etc", "projects", "devices"):
        assert f"no {lacking}" in said.splitlines()


def test_the_daemon_starts_after_it_and_without_it(ada: Agent, github: GitHubServer) -> None:
    github.fail(401, {"message": "Bad credentials"})
    ada.systemctl("start", "--no-block", UNIT, "nuketown-daemon.service")
    ada.wait_for("ActiveState", "active")
    state = ada.systemctl("show", "--value", "--property=ActiveState", UNIT).strip()
    assert state == "failed"
    after = ada.systemctl("show", "--value", "--property=After", "nuketown-daemon.service")
    assert UNIT in after.split()
    assert any("expired" in entry["MESSAGE"] for entry in _journal(ada))
    assert TOKEN not in json.dumps(_journal(ada))
