"""What tests of interactive sessions share: private tmux, real claude CLI, a daemon's socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from nuketown_daemon.configuration import Configuration, Daemon, Identity, SessionSettings
from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.session.contract import SessionControl, SessionJob
from nuketown_daemon.session.interactive import InteractiveSession
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.turns import Script

API_KEY = "sk-ant-test-0123456789abcdefghij"


@dataclass
class Observer:
    """Writes down what a session tells."""

    said: list[str] = field(default_factory=list)
    progressed: list[str] = field(default_factory=list)
    waits: list[str | None] = field(default_factory=list)
    turns: int = 0

    async def progress(self, text: str) -> None:
        self.progressed.append(text)

    async def say(self, text: str) -> None:
        self.said.append(text)

    async def waiting(self, reason: str | None) -> None:
        self.waits.append(reason)

    async def ask_human(self, question: str, choices: tuple[str, ...] = ()) -> str:  # noqa: ARG002
        raise AssertionError(question)

    async def message_agent(self, agent: str, text: str) -> None:  # noqa: ARG002
        raise AssertionError(agent)

    async def steered(self) -> None:
        """Nothing to keep here: the journal's tests look at that."""

    async def spent(self, cost_usd: float, turns: int) -> None:  # noqa: ARG002
        self.turns = turns


@dataclass
class Town:
    """One agent's interactive side."""

    root: Path
    api: MessagesApi
    configuration: Configuration
    session: InteractiveSession
    workspace: Path
    observer: Observer = field(default_factory=Observer)
    control: SessionControl = field(default_factory=SessionControl)
    reports: list[HookReport] = field(default_factory=list)
    server: asyncio.Server | None = None

    @property
    def socket(self) -> Path:
        return self.root / "s"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def again(self) -> InteractiveSession:
        """The daemon is started anew."""
        self.session = InteractiveSession(
            self.configuration, self.state, self.socket, python_executable=sys.executable
        )
        return self.session

    def run(self, job: SessionJob) -> asyncio.Task[object]:
        return asyncio.create_task(self.session.run(job, self.control, self.observer))

    async def listen(self) -> None:
        self.server = await asyncio.start_unix_server(self._serve, str(self.socket))

    async def go_away(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()
        self.socket.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            request = json.loads(await reader.readline())
            assert request["op"] == "hook"
            report = HookReport.model_validate(request["report"])
            self.reports.append(report)
            await self.session.hook(report)
            writer.write(b'{"ok": true}\n')
            await writer.drain()
        writer.close()

    async def tmux(self, *words: str, check: bool = True) -> str:
        process = await asyncio.create_subprocess_exec(
            "tmux", "-L", "portal-ada", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        assert not check or process.returncode == 0, errors
        return output.decode()

    async def screen(self, target: str = "=hello:") -> str:
        return await self.tmux("capture-pane", "-p", "-t", target, check=False)

    def prompts(self) -> list[str]:
        return [call.user_texts[-1] for call in self.api.requests if call.user_texts]


@contextlib.asynccontextmanager
async def town(
    root: Path, environment: dict[str, str], script: Script, *, permission_mode: str | None = None,
    allowed_tools: tuple[str, ...] = ("Read",), name: str = "hello",
) -> AsyncIterator[Town]:  # fmt: skip
    """Everything but the daemon itself; what ran is ended afterwards.

    ``environment`` is a fixture's way to set the variables that the daemon would have.
    """
    workspace = root / "projects" / name
    workspace.mkdir(parents=True)
    key = root / "key"
    key.write_text(API_KEY)
    key.chmod(0o600)
    configuration = Configuration(
        identity=Identity(name="ada", home=root),
        daemon=Daemon(
            api_key_file=key,
            session=SessionSettings(
                permission_mode=permission_mode, allowed_tools=allowed_tools,
            ),
        ),
    )  # fmt: skip
    async with MessagesApi(script, api_key=API_KEY) as api:
        environment["ANTHROPIC_BASE_URL"] = api.url
        session = InteractiveSession(configuration, root / "state", root / "s")
        place = Town(root, api, configuration, session, workspace)
        await place.listen()
        try:
            yield place
        finally:
            await place.tmux("kill-server", check=False)
            await _all_gone(root)
            await place.go_away()


async def _all_gone(root: Path) -> None:
    """Claude Code writes its files when it ends: wait for that before they are removed."""
    marker = f"CLAUDE_CONFIG_DIR={root}".encode()
    async with asyncio.timeout(15):
        while any(marker in _environ(entry) for entry in Path("/proc").glob("[0-9]*")):
            if shutil.which("tmux") is None:
                return
            await asyncio.sleep(0.05)


def _environ(entry: Path) -> bytes:
    if entry.name == str(os.getpid()):
        return b""
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""
