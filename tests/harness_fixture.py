"""The real claude CLI with a home of its own, and an observer that writes down what it is told.

Import the fixtures, or register this module as a plugin.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.errors import SessionError
from nuketown_daemon.session.contract import SessionControl, SessionJob
from nuketown_daemon.session.headless import HeadlessSession
from nuketown_demo.messages_api import MessagesApi

KEY = "sk-ant-test-0123456789abcdef"


@dataclass
class Notes:
    """A SessionObserver that remembers; questions are answered from ``answers``."""

    progressed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    waits: list[str | None] = field(default_factory=list)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    answers: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    silence: str | None = None
    """Why nobody answers."""
    sent: list[tuple[str, str]] = field(default_factory=list)
    costs: list[tuple[float, int]] = field(default_factory=list)

    async def progress(self, text: str) -> None:
        self.progressed.append(text)

    async def say(self, text: str) -> None:
        self.said.append(text)

    async def waiting(self, reason: str | None) -> None:
        self.waits.append(reason)

    async def ask_human(self, question: str, choices: tuple[str, ...] = ()) -> str:
        self.asked.append((question, choices))
        if self.silence:
            raise SessionError(self.silence)
        return await self.answers.get()

    async def message_agent(self, agent: str, text: str) -> None:
        if agent != "bob":
            raise SessionError(f"{agent} is not a peer.")
        self.sent.append((agent, text))

    async def steered(self) -> None:
        """Nothing to keep here: the journal's tests look at that."""

    async def spent(self, cost_usd: float, turns: int) -> None:
        self.costs.append((cost_usd, turns))


@dataclass(frozen=True)
class Harness:
    """Everything a session needs, in a temporary directory."""

    configuration: Configuration
    workspace: Path
    state: Path

    def session(self, **daemon: Any) -> HeadlessSession:
        """A headless session; ``daemon`` changes keys of daemon.toml."""
        changed = self.configuration.daemon.model_copy(update=daemon)
        configuration = self.configuration.model_copy(update={"daemon": changed})
        return HeadlessSession(configuration, self.state)

    def job(self, prompt: str, **changes: Any) -> SessionJob:
        job = SessionJob(1, prompt, self.workspace, str(uuid.uuid4()), timeout_s=60.0)
        return replace(job, **changes)


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """A workspace with one commit, a key file, and a claude that knows nothing of this machine."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "CLAUDE", "NUKETOWN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    key = tmp_path / "ada's key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    workspace = tmp_path / "hello"
    for arguments in (
        ["init", "--quiet", "--initial-branch=main", str(workspace)],
        ["-C", str(workspace), "config", "user.name", "ada"],
        ["-C", str(workspace), "config", "user.email", "ada@example.org"],
        ["-C", str(workspace), "commit", "--quiet", "--allow-empty", "--message=first"],
    ):
        subprocess.run(["git", *arguments], check=True)
    configuration = Configuration(
        identity={"name": "ada", "role": "software", "email": "ada@example.org"},
        daemon={"api_key_file": str(key), "projects_dir": str(tmp_path)},
    )
    return Harness(configuration, workspace, tmp_path / "state")


@pytest.fixture
def control() -> SessionControl:
    return SessionControl()


@pytest.fixture
def notes() -> Notes:
    return Notes()


def point_at(api: MessagesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every claude that is started from now on talk to ``api``."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)


def processes_of(session_id: str) -> list[psutil.Process]:
    """What runs of a session, claude first."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NUKETOWN_SESSION") == session_id:
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]
