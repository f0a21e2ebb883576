"""An agent's account in the container, with the daemon as its user service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nuketown_demo.container import CHECKOUT, ENVIRONMENT, PYTHON_PATH, Container

UNIT = "nuketown-daemon.service"
UNIT_TEXT = (CHECKOUT / "docs" / UNIT).read_text()


class Agent:
    """Account ``name``: lingering, with a configuration, a clone called hello, and the unit."""

    def __init__(self, container: Container, name: str) -> None:
        self.container = container
        self.name = name
        self.home = Path("/home") / name
        container.run("useradd", "--create-home", name)
        container.run("loginctl", "enable-linger", name)
        container.wait('test -S "$XDG_RUNTIME_DIR/bus"', user=name)
        self.write(".config/nuketown/identity.toml", f'name = "{name}"\n')
        self.write(
            ".local/bin/nuketown-daemon",
            f"#!/bin/sh\nexport PYTHONPATH={PYTHON_PATH}\n"
            f"exec {ENVIRONMENT}/bin/python -m nuketown_daemon\n",
            mode=0o755,
        )
        self.write(f".config/systemd/user/{UNIT}", UNIT_TEXT)
        self.run("git", "init", "--quiet", "--initial-branch=main", f"{self.home}/projects/hello")
        self.run(
            "git", "-C", f"{self.home}/projects/hello", "-c", "user.name=Ada",
            "-c", "user.email=ada@localhost", "commit", "--quiet", "--allow-empty", "-m", "Begin",
        )  # fmt: skip
        self.systemctl("daemon-reload")

    def run(self, *argv: str, check: bool = True) -> str:
        """Run a command as the agent."""
        return self.container.run(*argv, user=self.name, check=check)

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Put a file into the home directory."""
        self.container.write(f"{self.home}/{path}", text, owner=self.name, mode=mode)

    def drop_in(self, text: str) -> None:
        """Change the unit as ``systemctl edit`` would."""
        self.write(f".config/systemd/user/{UNIT}.d/test.conf", f"[Service]\n{text}\n")
        self.systemctl("daemon-reload")

    def systemctl(self, *words: str, check: bool = True) -> str:
        """Speak to the agent's own systemd."""
        return self.run("systemctl", "--user", *words, check=check)

    def unit(self, key: str) -> str:
        """A property of the daemon's unit."""
        return self.systemctl("show", "--value", f"--property={key}", UNIT).strip()

    def wait_for(self, key: str, value: str, *, timeout_s: float = 20.0) -> None:
        """Wait until a property of the unit has the value."""
        self.container.wait(
            f'test "$(systemctl --user show --value --property={key} {UNIT})" = "{value}"',
            user=self.name, timeout_s=timeout_s,
        )  # fmt: skip

    def nuketown(self, *words: str) -> list[dict[str, Any]]:
        """Run the ``nuketown`` command with --json."""
        output = self.run("python", "-m", "nuketown_cli", words[0], "--json", *words[1:])
        return [json.loads(line) for line in output.splitlines()]

    def ask(self, prompt: str, mode: str = "headless") -> int:
        """Queue a task for hello; return its id."""
        (task,) = self.nuketown(
            "ask", "--no-wait", "--project", "hello", "--mode", mode, "--", prompt
        )
        return int(task["task"]["id"])

    def tasks(self) -> dict[int, dict[str, Any]]:
        """All tasks by id."""
        return {line["task"]["id"]: line["task"] for line in self.nuketown("tasks")}

    def journal(self) -> list[dict[str, Any]]:
        """What the unit logged, and what systemd said about it, as journal entries."""
        self.container.run("journalctl", "--sync")
        ours = f"_UID={self.run('id', '-u').strip()}"
        output = self.container.run(
            "journalctl", "--output=json",
            ours, f"_SYSTEMD_USER_UNIT={UNIT}", "+", ours, f"USER_UNIT={UNIT}",
        )  # fmt: skip
        return [json.loads(line) for line in output.splitlines()]

    def remove(self) -> None:
        """End everything of the account."""
        self.container.run("loginctl", "disable-linger", self.name, check=False)
        self.container.run("loginctl", "terminate-user", self.name, check=False)
