"""The other half of the local GitHub: git over SSH, for the keys that its accounts have.

asyncssh is the server; the client is OpenSSH's, started by git.
"""

from __future__ import annotations

import asyncio
import shlex
import threading
from pathlib import Path
from typing import Any, Self

import asyncssh

from tests.github_server import GitHubServer

_SERVICES = ("git-receive-pack", "git-upload-pack")


class GitOverSsh:
    """The server, in a thread of its own; a context manager.

    :param github: whose accounts' SSH keys are let in, as user ``git``
    :param repositories: the directory of the bare repositories
    """

    def __init__(self, github: GitHubServer, repositories: Path) -> None:
        self.port = 0
        self.logins: list[str] = []
        """The account of each login."""
        self._github = github
        self._repositories = repositories
        self._loop = asyncio.new_event_loop()
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        github.host_keys = [" ".join(self._host_key.export_public_key().decode().split()[:2])]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._acceptor = self._call(
            asyncssh.listen(
                "127.0.0.1", 0,
                server_factory=lambda: _Door(self),
                server_host_keys=[self._host_key],
                process_factory=self._serve,
                encoding=None,
            )
        )  # fmt: skip
        self.port = self._acceptor.get_port()
        return self

    def __exit__(self, *_: object) -> None:
        self._acceptor.close()
        self._call(self._end_connections())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def holder(self, key: asyncssh.SSHKey) -> str | None:
        """The account that has ``key``."""
        mark = " ".join(key.export_public_key().decode().split()[:2])
        for account in self._github.accounts:
            if any(entry["key"] == mark for entry in account.keys["/user/keys"]):
                return account.login
        return None

    def _call(self, coroutine: Any) -> Any:
        async def run() -> Any:
            return await coroutine

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    async def _end_connections(self) -> None:
        await self._acceptor.wait_closed()
        async with asyncio.timeout(10):
            # Those whose client went away in the middle clean up after themselves.
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        words = shlex.split(process.command or "")
        repository = self._repositories / Path(words[-1]).name if words else self._repositories
        if len(words) != 2 or words[0] not in _SERVICES or not repository.is_dir():
            process.stderr.write(b"no such repository\n")
            process.exit(128)
            return
        git = await asyncio.create_subprocess_exec(
            *("git", words[0].removeprefix("git-"), str(repository)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await process.redirect(git.stdin, git.stdout, git.stderr)
        process.exit(await git.wait())
        await process.wait_closed()


class _Door(asyncssh.SSHServer):
    """Lets in whoever holds a key of an account."""

    def __init__(self, server: GitOverSsh) -> None:
        self._server = server

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        login = self._server.holder(key) if username == "git" else None
        if login is not None:
            self._server.logins.append(login)
        return login is not None
