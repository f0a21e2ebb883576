"""The daemon as a lingering user's service, under a booted systemd."""

from __future__ import annotations

import pytest

from tests.systemd.agent import UNIT, Agent

pytestmark = pytest.mark.systemd

_UNFINISHED = {"queued", "preparing", "running"}


@pytest.fixture
def working(agent: Agent, silent_model: str) -> Agent:
    """A daemon whose first task runs in a real Claude Code that waits for its model."""
    agent.write("key", "sk-ant-not-a-real-key\n", mode=0o600)
    agent.write(".config/nuketown/daemon.toml", f'api_key_file = "{agent.home}/key"\n')
    agent.drop_in(
        f"Environment=ANTHROPIC_BASE_URL={silent_model} "
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1\n"
        "WatchdogSec=3\nTimeoutStopSec=10"
    )
    agent.systemctl("start", UNIT)
    for prompt in ("first", "second", "third"):
        agent.ask(prompt)
    # [c]: not the shell that looks.
    agent.container.wait("pgrep -u $USER -f '[c]laude.*stream-json'", user=agent.name)
    return agent


def test_ready_is_seen_and_the_status_shown(agent: Agent) -> None:
    # With Type=notify, start returns when READY=1 has come; without it, it fails after 60 s.
    agent.systemctl("start", UNIT)
    assert agent.unit("ActiveState") == "active"
    agent.wait_for("StatusText", "Ready")
    (status,) = agent.nuketown("status", "--agent", agent.name)
    assert str(status["pid"]) == agent.unit("MainPID")


def test_the_journal_gets_fields(agent: Agent) -> None:
    agent.systemctl("start", UNIT)
    ready = [entry for entry in agent.journal() if entry["MESSAGE"].startswith("ready ")]
    assert len(ready) == 1
    assert ready[0]["NUKETOWN_AGENT"] == agent.name
    assert ready[0]["SYSLOG_IDENTIFIER"] == "nuketown-daemon"
    assert ready[0]["PRIORITY"] == "6"
    assert ready[0]["_TRANSPORT"] == "journal"


def test_a_blocked_daemon_is_killed_and_restarted_with_its_queue(working: Agent) -> None:
    before = working.tasks()
    pid = working.unit("MainPID")
    claude = working.run("pgrep", "-u", working.name, "-f", "claude.*stream-json").split()
    # The session too, so that it can't end by itself when its pipe closes.
    working.run("kill", "-STOP", *claude, pid)
    working.wait_for("NRestarts", "1")
    working.wait_for("ActiveState", "active")
    assert working.unit("MainPID") != pid
    messages = [str(entry["MESSAGE"]) for entry in working.journal()]
    assert any("Watchdog timeout" in message for message in messages)
    # Its headless session died with it.
    for old in claude:
        working.container.wait(f"! kill -0 {old} 2>/dev/null")
    after = working.tasks()
    assert list(after) == list(before)
    assert [task["request"] for task in after.values()] == [
        task["request"] for task in before.values()
    ]
    states = [task["state"] for task in after.values()]
    assert states[0] in {"running", "preparing", "interrupted"}
    assert set(states[1:]) <= _UNFINISHED
    working.wait_for("NRestarts", "1")


def test_the_status_is_what_it_works_on_and_a_stop_is_orderly_and_bounded(working: Agent) -> None:
    working.wait_for("StatusText", "Working: first")
    # And that says nobody else: a session has no way to the daemon's systemd in its environment.
    claude, *_ = working.run("pgrep", "-u", working.name, "-f", "claude.*stream-json").split()
    environment = working.run("cat", f"/proc/{claude}/environ")
    assert "NUKETOWN_SESSION=" in environment
    assert "NOTIFY_SOCKET=" not in environment
    assert "WATCHDOG_" not in environment
    working.systemctl("stop", UNIT)
    assert working.unit("Result") == "success"
    assert working.run("pgrep", "-u", working.name, "-f", "claude.*stream-json", check=False) == ""
    working.systemctl("start", UNIT)
    assert [task["request"]["prompt"] for task in working.tasks().values()] == [
        "first", "second", "third",
    ]  # fmt: skip


def test_a_stop_asks_the_daemon_alone_and_leaves_nobody(agent: Agent) -> None:
    """KillMode=mixed: what the daemon started hears nothing of a SIGTERM, so that the daemon ends
    it in its own way; what is left then is killed without being asked.
    """
    daemon = ".local/bin/nuketown-daemon"
    program = agent.run("cat", f"{agent.home}/{daemon}")
    said = f"{agent.home}/said"
    bystander = f"trap 'echo asked >>{said}' TERM; echo here >{said}; while :; do sleep 0.1; done"
    agent.write("bystander", f"#!/bin/sh\n{bystander}\n", mode=0o755)
    begin = f"#!/bin/sh\nsetsid {agent.home}/bystander &\n"
    agent.write(daemon, program.replace("#!/bin/sh\n", begin), mode=0o755)
    agent.systemctl("start", UNIT)
    agent.container.wait(f"test -s {said}", user=agent.name)
    assert agent.run("pgrep", "-u", agent.name, "-x", "bystander")
    agent.systemctl("stop", UNIT)
    assert agent.unit("Result") == "success"
    assert agent.run("pgrep", "-u", agent.name, "-x", "bystander", check=False) == ""
    assert agent.run("cat", said) == "here\n"


def test_a_wrong_configuration_is_said_once(agent: Agent) -> None:
    agent.write(".config/nuketown/daemon.toml", 'model = "x"\n')
    agent.systemctl("start", UNIT, check=False)
    agent.wait_for("ActiveState", "failed")
    assert agent.unit("ExecMainStatus") == "78"
    assert agent.unit("NRestarts") == "0"
    said = [str(entry["MESSAGE"]) for entry in agent.journal() if "daemon.toml" in entry["MESSAGE"]]
    assert len(said) == 1
    assert "there is no such key" in said[0]


def test_tmux_sessions_outlive_the_daemon(agent: Agent) -> None:
    agent.write(
        ".config/nuketown/daemon.toml",
        '[session]\ncommand = ["/bin/sh", "-c", "exec sleep 600", "session"]\n',
    )
    agent.systemctl("start", UNIT)
    agent.ask("wait for me", mode="interactive")
    agent.container.wait("pgrep -u $USER -x sleep", user=agent.name)
    session = agent.run("pgrep", "-u", agent.name, "-x", "sleep")
    agent.systemctl("kill", "--signal=KILL", UNIT)
    agent.wait_for("NRestarts", "1")
    agent.systemctl("stop", UNIT)
    assert agent.run("pgrep", "-u", agent.name, "-x", "sleep") == session
    assert "hello" in agent.run("tmux", "-L", f"portal-{agent.name}", "list-sessions")
