"""portal-ada with the real machinectl, polkit, fzf, tmux, daemon and Claude Code."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from nuketown_demo import debian
from nuketown_demo.container import ENVIRONMENT, PYTHON_PATH, Container
from tests.nix.debian_trial import PACKAGES
from tests.nix.portal_stage import polkit_rule, program_text
from tests.systemd.agent import UNIT, Agent

pytestmark = [pytest.mark.systemd, pytest.mark.slow]


class PortalTown:
    """josh, the human; ada, an agent whose daemon runs; mallory, who has an account here too."""

    def __init__(self, container: Container) -> None:
        self.container = container
        for name in ("josh", "mallory"):
            container.run("useradd", "--create-home", "--shell", "/bin/bash", name)
        container.write("/etc/polkit-1/rules.d/10-nixos.rules", polkit_rule("josh", ["ada"]))
        container.run("systemctl", "restart", "polkit")
        self.ada = Agent(container, "ada")
        container.run("install", "-d", "-o", "ada", "/run/nuketown/agents/ada")
        self._install()
        self._start_daemon()

    def _install(self) -> None:
        values = {"NUKETOWN_AGENT": "ada", "NUKETOWN_HAS_DAEMON": "yes"}
        place = "/usr/local/bin"
        attach = {"NUKETOWN_PORTAL_ATTACH": f"{place}/portal-attach-ada"}
        pane = {"NUKETOWN_PORTAL_PANE": f"{place}/portal-pane-ada"}
        programs = {
            "portal-attach-ada": program_text(
                "portal-attach", values | {"NUKETOWN_HARNESS": ["claude"], "NUKETOWN_PROJECTS": ""}
            ),
            "portal-pane-ada": program_text("portal-pane", values | attach),
            "portal-ada": program_text(
                "portal-agent",
                values | attach | pane | {
                    "NUKETOWN_AGENT_SHARE": "50", "NUKETOWN_PROJECT_DIRS": ["~/dev"],
                    "NUKETOWN_REPOSITORIES": [],
                },
            ),
            "nuketown": f"#!/bin/sh\nexport PYTHONPATH={PYTHON_PATH}\n"
            f'exec {ENVIRONMENT}/bin/python -m nuketown_cli "$@"\n',
        }  # fmt: skip
        for name, text in programs.items():
            self.container.write(f"{place}/{name}", text, mode=0o755)

    def _start_daemon(self) -> None:
        self.ada.write("key", "sk-ant-not-a-real-key\n", mode=0o600)
        self.ada.write(
            ".config/nuketown/daemon.toml",
            f'api_key_file = "{self.ada.home}/key"\nhuman_user = "josh"\nmode = "interactive"\n',
        )
        self.ada.drop_in(
            "Environment=ANTHROPIC_BASE_URL=http://127.0.0.1:9 "
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"
        )
        self.ada.systemctl("start", UNIT)

    def as_user(self, user: str, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command of somebody's, with the PATH of a login."""
        return subprocess.run(
            self.container.command(
                "env", "PATH=/usr/local/bin:/usr/bin:/bin", "TERM=screen-256color",
                "SHELL=/bin/bash", *argv, user=user,
            ),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def become(self, user: str, target: str) -> subprocess.CompletedProcess[str]:
        """``machinectl shell``: who does it make of ``user``?"""
        return self.as_user(
            user,
            "machinectl",
            "--quiet",
            "--no-ask-password",
            "shell",
            target,
            "/usr/bin/id",
            "-un",
        )

    def screen(self, user: str) -> str:
        """What a user's terminal shows."""
        return self.as_user(user, "tmux", "-L", "terminal", "capture-pane", "-p").stdout

    def terminal(self, user: str, *command: str) -> None:
        """Run a command in a terminal (a tmux of its own)."""
        line = f"env -u TMUX {' '.join(command)}; echo ended with $?; exec cat"
        self.as_user(user, "tmux", "-L", "terminal", "kill-server")
        done = self.as_user(
            user, "tmux", "-L", "terminal", "new-session", "-d", "-x", "180", "-y", "40", line
        )
        assert done.returncode == 0, done.stderr

    def see(self, user: str, text: str, *, timeout_s: float = 40) -> None:
        """Wait until a user's terminal shows ``text``."""
        condition = f"tmux -L terminal capture-pane -p | grep -qF -- '{text}'"
        try:
            self.container.wait(condition, user=user, timeout_s=timeout_s)
        except Exception as exc:
            raise AssertionError(f"{text!r} is not to be seen:\n{self.screen(user)}") from exc


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalTown]:
    log = tmp_path_factory.mktemp("portal") / "boot.log"
    with Container(debian.root(PACKAGES), log) as booted:
        yield PortalTown(booted)


def test_josh_joins_the_session_that_the_daemon_starts(town: PortalTown) -> None:
    # The real fzf, with what people have in their profiles.
    options = "'--multi --print-query --expect=ctrl-o --reverse'"
    town.terminal("josh", "env", f"FZF_DEFAULT_OPTS={options}", "portal-ada")
    town.see("josh", "(ada has it)")
    town.as_user("josh", "tmux", "-L", "terminal", "send-keys", "hel", "Enter")
    # Claude Code, as ada, in ada's tmux, in josh's tmux.
    town.container.wait("tmux -L portal-ada list-clients -t =hello | grep -q .", user="ada")
    town.container.wait("pgrep -u ada -f '[c]laude.*opened.the.portal.on.hello'", user="ada")
    panes = town.as_user(
        "josh", "tmux", "list-panes", "-t", "=ada-hello:hello", "-F", "#{pane_width}"
    ).stdout.split()
    assert panes == ["89", "90"]
    (task,) = town.ada.tasks().values()
    josh = town.container.run("id", "-u", "josh").strip()
    assert task["request"]["requester"] == f"uid:{josh}"
    assert (task["request"]["project"], task["request"]["mode"]) == ("hello", "interactive")

    # Gone and back: nothing more is asked.
    town.terminal("josh", "portal-ada", "hello")
    town.container.wait("tmux list-clients -t =ada-hello | grep -q .", user="josh")
    assert len(town.ada.tasks()) == 1


def test_escape_leaves_quietly(town: PortalTown) -> None:
    town.terminal("josh", "portal-ada")
    town.see("josh", "ada>")
    town.as_user("josh", "tmux", "-L", "terminal", "send-keys", "Escape")
    town.see("josh", "ended with 130")
    assert town.screen("josh").strip() == "ended with 130"


@pytest.mark.attack
def test_josh_becomes_ada_and_nobody_else(town: PortalTown) -> None:
    there = town.become("josh", "ada@.host")
    assert there.stdout.split() == ["ada"], there.stderr
    for target in ("root@.host", ".host", "0@.host", "mallory@.host"):
        refused = town.become("josh", target)
        assert refused.returncode != 0
        assert refused.stdout.split() == []
        assert "denied" in refused.stderr or "authentication" in refused.stderr, refused.stderr


@pytest.mark.attack
@pytest.mark.parametrize("user", ["mallory", "ada"])
def test_nobody_else_becomes_anybody(town: PortalTown, user: str) -> None:
    for target in ("ada@.host", "josh@.host", "root@.host"):
        refused = town.become(user, target)
        assert refused.returncode != 0
        assert refused.stdout.split() == []


@pytest.mark.attack
def test_mallory_has_the_program_but_no_portal(town: PortalTown) -> None:
    done = town.as_user("mallory", "portal-ada", "hello")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("portal-ada: machinectl can't become ada: ")


def test_the_daemon_is_down(town: PortalTown) -> None:
    town.ada.systemctl("stop", UNIT)
    try:
        town.terminal("josh", "portal-ada", "hello", "fix", "it")
        town.see("josh", "ended with 69")
        sentence, *_ = town.screen("josh").split("ended with")
        assert sentence.startswith("nuketown: "), sentence
        assert "daemon" in sentence
        # What runs is joined all the same.
        town.terminal("josh", "portal-ada", "hello")
        town.container.wait("tmux list-clients -t =ada-hello | grep -q .", user="josh")
    finally:
        town.ada.systemctl("start", UNIT)
