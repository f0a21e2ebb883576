"""docs/nuketown-daemon.service is a unit that systemd takes."""

from __future__ import annotations

import re

import pytest

from tests.systemd.agent import UNIT, Agent

pytestmark = pytest.mark.systemd

_SINCE_254 = {"RestartSteps", "RestartMaxDelaySec"}


def test_systemd_analyze_accepts_the_unit(agent: Agent) -> None:
    path = f"{agent.home}/.config/systemd/user/{UNIT}"
    said = agent.run("sh", "-c", f"systemd-analyze --user verify {path} 2>&1")
    unknown = set(re.findall(r"Unknown key(?: name)? '(\w+)'", said))
    version = int(re.findall(r"systemd (\d+)", agent.run("systemctl", "--version"))[0])
    assert unknown == (_SINCE_254 if version < 254 else set())
    assert len(said.splitlines()) == len(unknown), said


def test_systemd_analyze_would_find_a_mistake(agent: Agent) -> None:
    agent.run(
        "sed", "-i", "s/^KillMode=.*/KillMode=gently/", f"{agent.home}/.config/systemd/user/{UNIT}"
    )
    path = f"{agent.home}/.config/systemd/user/{UNIT}"
    assert "gently" in agent.run("sh", "-c", f"systemd-analyze --user verify {path} 2>&1")
