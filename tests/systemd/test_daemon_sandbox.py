"""The sandbox of an agent without sudo, as the modules write it, under a booted systemd."""

from __future__ import annotations

import pytest

from tests.nix_homes_fixture import Homes
from tests.systemd.agent import UNIT, Agent

pytestmark = [pytest.mark.nix, pytest.mark.systemd]

_SANDBOX = ("NoNewPrivileges=", "LockPersonality=", "Restrict", "SystemCall")


@pytest.fixture
def sandbox(homes: Homes) -> str:
    """Bob's, who has no sudo (tests/nix/homes.nix)."""
    unit = homes.file("bob", f".config/systemd/user/{UNIT}").read_text()
    lines = [line for line in unit.splitlines() if line.startswith(_SANDBOX)]
    assert len(lines) >= 7
    return "\n".join(lines)


@pytest.fixture
def served(agent: Agent) -> Agent:
    """An agent that serves the human, root and itself."""
    human = f"human-of-{agent.name}"
    agent.container.run("useradd", human)
    place = f"/run/nuketown/agents/{agent.name}"
    agent.container.run("install", "--directory", f"--owner={agent.name}", "--mode=0755", place)
    agent.write(".config/nuketown/daemon.toml", f'human_user = "{human}"\n')
    return agent


def _asked_by(agent: Agent, user: str | None) -> str:
    return agent.container.run(
        "python", "-m", "nuketown_cli", "status", "--agent", agent.name, user=user, check=False
    )


def test_it_knows_who_is_at_its_socket(served: Agent, sandbox: str) -> None:
    served.drop_in(sandbox)
    served.systemctl("start", UNIT)
    for user in (None, served.name, f"human-of-{served.name}"):
        assert "Ready" in _asked_by(served, user), user
    status = f"/proc/{served.unit('MainPID')}/status"
    assert "NoNewPrivs:\t1\n" in served.run("cat", status)
    assert "Seccomp:\t2\n" in served.run("cat", status)


def test_mounts_would_blind_it(served: Agent, sandbox: str) -> None:
    """Why the sandbox has none: in a user manager they imply this (systemd.exec(5)).

    Old ones, such as 252, leave them out instead.
    """
    served.drop_in(f"{sandbox}\nPrivateUsers=yes")
    served.systemctl("start", UNIT)
    assert "Ready" in _asked_by(served, served.name)
    assert "Ready" not in _asked_by(served, None)
    assert "Ready" not in _asked_by(served, f"human-of-{served.name}")


def test_sessions_run_in_it(served: Agent, sandbox: str, silent_model: str) -> None:
    """Claude Code starts, headless and in tmux, and reaches its model."""
    served.write("key", "sk-ant-not-a-real-key\n", mode=0o600)
    served.write(".config/nuketown/daemon.toml", f'api_key_file = "{served.home}/key"\n')
    served.drop_in(
        f"{sandbox}\nEnvironment=ANTHROPIC_BASE_URL={silent_model} "
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"
    )
    served.systemctl("start", UNIT)
    for mode in ("headless", "interactive"):
        task = served.ask("wait", mode)
        served.container.wait(
            # proc_net(5): a connection of this account to port 8081, established
            'awk -v uid="$(id -u)" \'$3 ~ /:1F91$/ && $4 == "01" && $8 == uid { found = 1 } '
            "END { exit !found }' /proc/net/tcp",
            user=served.name,
            timeout_s=60,
        )
        served.run("python", "-m", "nuketown_cli", "cancel", str(task))
        served.container.wait(
            "! pgrep -u $USER -f [c]laude.*stream-json", user=served.name, timeout_s=30
        )
