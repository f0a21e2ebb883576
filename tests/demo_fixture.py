"""The demonstration started as a person starts it: unattended, or in a real terminal."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

DEMO = [sys.executable, "-m", "nuketown_demo"]
NO_CONTAINER = [*DEMO, "--no-container"]


@pytest.fixture
def surroundings(short_tmp: Path) -> dict[str, str]:
    """Environment of the demo: its town goes below ``short_tmp``, and no key is set."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "TMPDIR": str(short_tmp), "TERM": "screen-256color"}


def processes_of(directory: Path) -> list[str]:
    """Processes with ``directory`` in their arguments, environment or working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            signs = [*process.cmdline(), *process.environ().values(), process.cwd()]
        except (psutil.Error, OSError):
            continue
        if any(str(directory) in sign for sign in signs):
            found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


@asynccontextmanager
async def demo(
    environment: dict[str, str], *arguments: str, command: Sequence[str] = NO_CONTAINER
) -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, env=environment, start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


class Demo:
    """A demonstration without a terminal."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = ""

    async def until(self, part: str) -> None:
        """Read on until ``part`` was printed."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while part not in self.output:
                line = await self.process.stdout.readline()
                assert line, f"{part!r} never came:\n{self.output}"
                self.output += line.decode()

    async def ended(self) -> int:
        """Read the rest; the exit status."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            self.output += (await self.process.stdout.read()).decode()
            return await self.process.wait()


class Terminal:
    """The demonstration in a real terminal, 110 columns wide."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tmux = ["tmux", "-S", str(directory / "screen"), "-f", "/dev/null"]

    def run(self, *arguments: str) -> str:
        return subprocess.run(
            [*self._tmux, *arguments], capture_output=True, text=True, check=False, timeout=20
        ).stdout

    def open(
        self,
        environment: dict[str, str],
        *,
        columns: int = 110,
        command: Sequence[str] = NO_CONTAINER,
    ) -> None:
        words = [f"{name}={value}" for name, value in environment.items()]
        # The shell prints the status: tmux now and then misses that a pane's process has ended.
        then = 'trap : INT; "$@"; echo "ended with $?"; exec sleep 600'
        start = ["env", "-i", *words, "sh", "-c", then, "sh", *command]
        size = ["-x", str(columns), "-y", "45"]
        self.run("new-session", "-d", *size, "--", *start)

    @property
    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    async def shows(self, *parts: str, timeout_s: float = 40.0) -> None:
        """Wait until all ``parts`` are on the screen."""
        await self._until(lambda: all(part in self.screen for part in parts), timeout_s, parts)

    async def ended_well(self) -> None:
        """Wait for the exit status, 0."""
        await self.shows("ended with 0", timeout_s=20.0)

    async def _until(self, check: Callable[[], bool], timeout_s: float, what: object) -> None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        # Looking costs a process each time, on the machine that does the work looked for.
        while not await asyncio.to_thread(check):
            assert asyncio.get_running_loop().time() < deadline, f"no {what}:\n{self.screen}"
            await asyncio.sleep(0.1)

    def paste(self, text: str) -> None:
        """As a terminal does that knows bracketed paste."""
        file = self._directory / "pasted"
        file.write_text(text)
        self.run("load-buffer", str(file), ";", "paste-buffer", "-p")

    def enter(self, text: str) -> None:
        self.run("send-keys", "-l", text)
        self.run("send-keys", "Enter")


@pytest.fixture
async def terminal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Terminal]:
    directory = tmp_path_factory.mktemp("t")
    terminal = Terminal(directory)
    yield terminal
    terminal.run("kill-server")
