"""Agents with nothing but an account: a server, and per agent a configuration directory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.process import ROOT
from nuketown_demo.prosody import HOST, Prosody

_REGISTERING = 4


@dataclass(frozen=True)
class Agent:
    """One agent, for its daemon or for the bare client in its place."""

    name: str
    directory: Path
    server: Prosody

    @property
    def password_file(self) -> Path:
        """What both read the password from."""
        return self.directory / "password"

    @property
    def socket(self) -> Path:
        """The daemon's."""
        return self.directory / "run/nuketown/daemon.sock"

    @property
    def environment(self) -> dict[str, str]:
        """For the daemon."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.directory),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "XDG_RUNTIME_DIR": str(self.directory / "run"),
        }

    def bare(self, plugins: str) -> list[str]:
        """Arguments of the bare client."""
        return [
            f"{self.name}@localhost/nuketown", str(self.password_file), HOST,
            str(self.server.port), plugins,
        ]  # fmt: skip

    async def settle(self) -> None:
        """Make its account and its files."""
        password = f"of {self.name}"
        await self.server.register(self.name, password)
        configuration = self.directory / "config/nuketown"
        configuration.mkdir(parents=True)
        (self.directory / "run").mkdir(mode=0o700)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(password + "\n")
        _write(configuration / "identity.toml", name=self.name, home=str(self.directory))
        _write(
            configuration / "xmpp.toml",
            jid=f"{self.name}@localhost",
            password_file=str(self.password_file),
            owners=["josh@localhost"],
            host=HOST,
            port=self.server.port,
            tls="off-loopback-only",
        )


def _write(path: Path, **values: Any) -> None:
    path.write_text(tomli_w.dumps(values))


@contextlib.asynccontextmanager
async def population(size: int) -> AsyncIterator[list[Agent]]:
    """``size`` agents on a server of their own; all of it is gone afterwards."""
    with short_directory() as directory:
        async with Prosody(directory / "prosody") as server:
            agents = [Agent(f"agent{n}", directory / f"a{n}", server) for n in range(size)]
            turn = asyncio.Semaphore(_REGISTERING)

            async def settle(agent: Agent) -> None:
                async with turn:
                    await agent.settle()

            async with asyncio.TaskGroup() as group:
                for agent in agents:
                    group.create_task(settle(agent))
            yield agents


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a unix socket's 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ntb-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def plugins() -> str:
    """The plugins that the daemon registers, comma-separated.

    Asked of another process: what is loaded here would be shared memory with what is measured,
    and not counted there.
    """
    program = "from nuketown_daemon.xmpp.client import PLUGINS; print(','.join(PLUGINS))"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True
    )
    return answer.stdout.decode().strip()
