"""A throw-away town on loopback: a server, an agent with a sample repository, and its people.

The demonstration, the end-to-end tests and the benchmarks all live in it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
import tomli_w

from nuketown_daemon.errors import NuketownError
from nuketown_demo.prosody import HOST, Prosody
from nuketown_demo.way_out import AUTHORITIES, PROXIES

AGENT = "ada"
OWNER = "josh"
APPROVALS = "approvals"
"""Account of the approval broker."""
_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 20.0
README = "# hello\n\nA repository to try things in.\n"
_INHERITED = (
    "PATH", "LANG", "LC_ALL", "TZ", "TERM", "VIRTUAL_ENV", *PROXIES, *AUTHORITIES,
    "NUKETOWN_DAEMON__CLI_PATH",  # on NixOS the bundled one does not run, and ./dev sets this
)  # fmt: skip
"""What the agent's processes get of this environment; no key, no socket, no bus of the caller."""


def connection(port: int) -> dict[str, Any]:
    """How a daemon or a broker reaches the server, as their files have it."""
    return {"host": HOST, "port": port, "tls": "off-loopback-only"}


class Town:
    """Everything in one directory; gone with it.

    :param directory: an empty directory with a short path (sockets have 107 bytes)
    :param api_url: where the Messages API is; None: Anthropic's own
    :param api_key: written to a file that only the agent's daemon reads
    :param daemon: more keys for daemon.toml
    :param xmpp_port: where the daemon connects, if not to the server itself (a proxy)
    :param broker: an account for an approval broker too, which the agent asks by stanza
    :raises NuketownError: a part does not start
    """

    def __init__(
        self,
        directory: Path,
        *,
        api_url: str | None,
        api_key: str = "sk-ant-stand-in",
        daemon: Mapping[str, Any] | None = None,
        xmpp_port: int | None = None,
        clone: bool = True,
        server: Prosody | None = None,
        broker: bool = False,
    ) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.origin = directory / "origin" / "hello.git"
        self.state = self.home / ".local/state/nuketown"
        self.socket = directory / "run" / "nuketown" / "daemon.sock"
        self.log = directory / "daemon.log"
        self.server = server or Prosody(directory / "prosody")
        self.daemon: subprocess.Popen[bytes] | None = None
        # Other users of the machine reach the server too; whoever is the owner commands the agent.
        people = (AGENT, OWNER, APPROVALS) if broker else (AGENT, OWNER)
        self.passwords = {name: secrets.token_urlsafe(24) for name in people}
        self._api_url = api_url
        self._api_key = api_key
        self._daemon_settings = dict(daemon or {})
        self._xmpp_port = xmpp_port
        self._clone = clone
        self._broker = broker

    @property
    def agent(self) -> str:
        """Bare JID of the agent."""
        return f"{AGENT}@localhost"

    @property
    def owner(self) -> str:
        """Bare JID of the owner."""
        return f"{OWNER}@localhost"

    @property
    def approvals(self) -> str:
        """Bare JID of the approval broker."""
        return f"{APPROVALS}@localhost"

    @property
    def clone(self) -> Path:
        """The agent's clone of the sample repository."""
        return self.home / "projects" / "hello"

    @property
    def configuration(self) -> Path:
        """Directory of the daemon's configuration files."""
        return self.home / ".config/nuketown"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the agent's processes."""
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment |= {
            "HOME": str(self.home),
            "USER": AGENT,
            "SHELL": "/bin/sh",
            "XDG_RUNTIME_DIR": str(self.directory / "run"),
            "TMUX_TMPDIR": str(self.directory / "run"),
            "TMPDIR": str(self.directory / "tmp"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        if self._api_url is not None:
            environment["ANTHROPIC_BASE_URL"] = self._api_url
        return environment

    async def __aenter__(self) -> Self:
        self._write_home()
        await self._make_repository()
        await self.server.__aenter__()
        for name, password in self.passwords.items():
            await self.server.register(name, password)
        return self

    async def __aexit__(self, *details: object) -> None:
        try:
            await self.stop_daemon()
            await self.end_tmux(f"portal-{AGENT}")
        finally:
            await self.server.__aexit__(*details)

    def write_settings(self, name: str, values: Mapping[str, Any]) -> None:
        """Write one of the daemon's configuration files."""
        (self.configuration / f"{name}.toml").write_text(tomli_w.dumps(dict(values)))

    def _write_home(self) -> None:
        for path in (self.configuration, self.home / "projects"):
            path.mkdir(parents=True, exist_ok=True)
        for name in ("run", "tmp", "secrets"):
            (self.directory / name).mkdir(mode=0o700, exist_ok=True)
        private = self.directory / "secrets"
        for name, value in (("email-password", self.passwords[AGENT]), ("api-key", self._api_key)):
            path = private / name
            path.touch(mode=0o600)
            path.write_text(value + "\n")
        self.write_settings(
            "identity",
            {"name": AGENT, "role": "software", "email": self.agent, "domain": "localhost",
             "home": str(self.home), "description": {"text": "Software collaborator."}},
        )  # fmt: skip
        self.write_settings(
            "xmpp",
            {"jid": self.agent, "password_file": str(private / "email-password"),
             "owners": [self.owner], **connection(self._xmpp_port or self.server.port),
             **({"approval_jid": self.approvals} if self._broker else {})},
        )  # fmt: skip
        self.write_settings("repos", {"hello": {"url": str(self.origin)}})
        self.write_settings(
            "daemon", {"api_key_file": str(private / "api-key"), **self._daemon_settings}
        )
        (self.home / ".gitconfig").write_text(
            f"[user]\n\tname = {AGENT}\n\temail = {self.agent}\n[init]\n\tdefaultBranch = main\n"
        )

    async def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run git as the agent and return what it prints.

        :raises NuketownError: it failed
        """
        process = await asyncio.create_subprocess_exec(
            "git", *arguments, cwd=cwd or self.clone, env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, error = await process.communicate()
        if process.returncode != 0:
            raise NuketownError(f"git {arguments[0]}: {error.decode(errors='replace').strip()}")
        return output.decode(errors="replace").strip()

    async def _make_repository(self) -> None:
        seed = self.directory / "origin" / "seed"
        seed.mkdir(parents=True, exist_ok=True)
        await self.git("init", "--quiet", cwd=seed)
        (seed / "README.md").write_text(README)
        await self.git("add", "README.md", cwd=seed)
        await self.git("commit", "--quiet", "-m", "A place to begin", cwd=seed)
        await self.git("clone", "--quiet", "--bare", str(seed), str(self.origin), cwd=seed)
        if self._clone:
            await self.git("clone", "--quiet", str(self.origin), str(self.clone), cwd=seed)

    async def start_daemon(self, more_environment: Mapping[str, str] | None = None) -> None:
        """Start the agent's daemon and wait until its socket listens.

        :raises NuketownError: it ended; the text is the end of its log
        """
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(  # noqa: ASYNC220  (it outlives this call)
                [sys.executable, "-m", "nuketown_daemon"], cwd=self.home,
                env={**self.environment, **(more_environment or {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                while not await self._listens():
                    if self.daemon.poll() is not None:
                        raise NuketownError(f"the daemon ended: {self.log_tail()}")
                    await asyncio.sleep(0.02)
        except TimeoutError as exc:
            raise NuketownError(f"the daemon does not get ready: {self.log_tail()}") from exc

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    def log_tail(self, lines: int = 15) -> str:
        """End of the daemon's log."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    async def stop_daemon(self) -> int | None:
        """Stop the daemon with SIGTERM and return its exit status."""
        if self.daemon is None:
            return None
        self.daemon.terminate()
        try:
            status = await asyncio.to_thread(self.daemon.wait, _STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill_daemon()
            raise NuketownError(f"the daemon did not stop: {self.log_tail()}") from None
        self.daemon = None
        return status

    def kill_daemon(self, number: int = signal.SIGKILL) -> None:
        """End the daemon at once, as a crash would; its children are left as they are."""
        if self.daemon is not None:
            self.daemon.send_signal(number)
            self.daemon.wait()
            self.daemon = None

    async def end_tmux(self, name: str) -> None:
        """End a tmux server and wait for what ran in it: it writes to the directory."""
        found = await self.tmux(name, "display-message", "-p", "#{pid}")
        if not found.isdigit():
            return
        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(int(found))
            inhabitants = [server, *server.children(recursive=True)]
            await self.tmux(name, "kill-server")
            _, left = await asyncio.to_thread(psutil.wait_procs, inhabitants, _STOP_TIMEOUT_S / 4)
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            await asyncio.to_thread(psutil.wait_procs, left, _STOP_TIMEOUT_S / 4)

    async def tmux(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> str:
        """Speak to a tmux server of the town; empty where there is none.

        :param environment: more variables, for what is started
        """
        try:
            process = await asyncio.create_subprocess_exec(
                "tmux", "-L", name, *arguments, env={**self.environment, **(environment or {})},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except FileNotFoundError:
            return ""
        output, _ = await process.communicate()
        return output.decode(errors="replace").strip()
