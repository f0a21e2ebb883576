"""The town of somebody who is not root: no account for the agent, and so no ``sudo``.

The approval broker is there all the same; the agent asks it for a teammate, by stanza.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Self

import tomli_w

from nuketown_daemon.errors import NuketownError
from nuketown_demo.broker_desk import DESK, IN_TMUX, broker_settings
from nuketown_demo.town import AGENT, APPROVALS, Town

_READY_S = 20.0
_NO_SUDO = f"""\
#!/bin/sh
echo "sudo: {AGENT} runs as you here, and your own sudo is none of hers: ask for a reviewer." >&2
exit 1
"""
"""First in the agent's PATH: this machine's sudo might ask nobody, and what it does would stay."""
_OF_THE_DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE")


class UserTown(Town):
    """A :class:`~nuketown_demo.town.Town` with an approval broker."""

    request = f"{AGENT}, work on hello -- get vox to review the README"
    """What the owner says so that the agent needs an approval."""

    def __init__(self, directory: Path, *, api_url: str | None, api_key: str) -> None:
        super().__init__(directory, api_url=api_url, api_key=api_key, broker=True)
        self._desk = directory / "desk"
        self._programs = directory / "bin"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the agent's processes; ``sudo`` there says that there is none."""
        found = super().environment
        return {**found, "PATH": f"{self._programs}:{found.get('PATH', os.defpath)}"}

    @property
    def sights(self) -> tuple[tuple[str, str], ...]:
        """What there is to look at from another terminal: a description and a command."""
        tmux = f"TMUX_TMPDIR={self.environment['TMUX_TMPDIR']} tmux"
        return (
            (f"{AGENT}'s home", str(self.home)),
            (f"{AGENT}'s log", f"tail -f {self.log}"),
            (f"{AGENT}'s sessions", f"{tmux} -L portal-{AGENT} attach"),
            ("the broker", f"{tmux} -L {DESK} attach"),
        )

    async def __aenter__(self) -> Self:
        self._desk.mkdir(mode=0o700)
        self._programs.mkdir()
        sudo = self._programs / "sudo"
        sudo.write_text(_NO_SUDO)
        sudo.chmod(0o755)
        await super().__aenter__()
        password = self._desk / "password"
        password.touch(mode=0o600)
        password.write_text(self.passwords[APPROVALS])
        settings = {
            **broker_settings(self.server.port, password),
            "socket": str(self._desk / "socket"),
            "state_directory": str(self._desk / "state"),
        }
        path = self._desk / "broker.toml"
        path.touch(mode=0o600)
        path.write_text(tomli_w.dumps(settings))
        return self

    async def start(self) -> None:
        """Start the broker and the agent's daemon, and wait until both listen.

        :raises NuketownError: one does not
        """
        broker = [sys.executable, "-m", "nuketown_broker", "--config", f"{self._desk}/broker.toml"]
        await self.tmux(DESK, *IN_TMUX, *broker, environment=self._surroundings())
        try:
            async with asyncio.timeout(_READY_S):
                while not (self._desk / "socket").is_socket():  # noqa: ASYNC110  (a file)
                    await asyncio.sleep(0.05)
        except TimeoutError as exc:
            raise NuketownError(f"the broker does not get ready: {await self._screen()}") from exc
        await self.start_daemon()

    async def __aexit__(self, *details: object) -> None:
        try:
            await self.end_tmux(DESK)
        finally:
            await super().__aexit__(*details)

    async def audit(self) -> str:
        """What the broker wrote down, in words."""
        directory = self._desk / "state/audit"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nuketown_cli", "audit", "--directory", str(directory),
            env=self.environment, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate()
        return output.decode(errors="replace").strip()

    async def proof(self) -> str:
        """Look whether what was asked for was approved; there is nothing else to see of it.

        :raises NuketownError: it was not
        """
        if "approved" not in await self.audit():
            raise NuketownError("the audit knows of no approval.")
        return ""

    def _surroundings(self) -> dict[str, str]:
        """The broker's own: with the display of whoever started this, and no model's key."""
        found = {name: os.environ[name] for name in _OF_THE_DISPLAY if name in os.environ}
        home = os.environ.get("HOME") or str(Path.home())
        if "DISPLAY" in found:
            found["XAUTHORITY"] = os.environ.get("XAUTHORITY") or f"{home}/.Xauthority"
        if "WAYLAND_DISPLAY" in found and "XDG_RUNTIME_DIR" in os.environ:
            found["XDG_RUNTIME_DIR"] = os.environ["XDG_RUNTIME_DIR"]
        return {**found, "HOME": str(self._desk)}

    async def _screen(self) -> str:
        return (await self.tmux(DESK, "capture-pane", "-p")).strip()
