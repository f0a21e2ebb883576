"""A local GitHub, and homes of agents that provision themselves from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.github_server import Account, GitHubServer

TOKEN = "ghp_Q7secretSecretSecret0123456789abcdef"
EMAIL = "ada@example.org"
TITLE = "nuketown ada@signi"


class AgentHome:
    """A home with a configuration and a token, and nothing else."""

    def __init__(self, home: Path, api_url: str, *, token: str = TOKEN, github: str = "") -> None:
        self.home = home
        self.token_file = home.with_name(f"{home.name}.token")
        self.write_token(token)
        self.configuration = home / ".config/nuketown"
        self.configuration.mkdir(parents=True)
        if "key_title" not in github:
            github += f'\nkey_title = "{TITLE}"'
        self.write(f'[github]\napi_url = "{api_url}"\ntoken_file = "{self.token_file}"\n{github}\n')

    def write(self, github: str, *, email: str = EMAIL) -> None:
        """Write identity.toml."""
        (self.configuration / "identity.toml").write_text(
            f'name = "ada"\nemail = "{email}"\nhome = "{self.home}"\n{github}'
        )

    def write_token(self, token: str) -> None:
        """Write the token's file."""
        self.token_file.touch(0o600)
        self.token_file.write_text(token + "\n")

    @property
    def environment(self) -> dict[str, str]:
        """What a service manager gives."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {"HOME": str(self.home)}

    def start(
        self, *arguments: str, before: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """Start ``nuketown-identity``."""
        return subprocess.Popen(
            [*before, sys.executable, "-m", "nuketown_daemon.identity", *arguments],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, before: tuple[str, ...] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``nuketown-identity``; its output never holds the token."""
        with self.start(*arguments, before=before, **environment) as process:
            out, err = process.communicate(timeout=60)
        token = self.token_file.read_text().strip() if self.token_file.is_file() else TOKEN
        assert token not in out + err
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def ensure(self) -> str:
        """Run ``ensure``, which must succeed; return its output."""
        done = self.run("ensure")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tool(self, *argv: str | Path, **environment: str) -> str:
        """Run another program as the agent; return its output."""
        done = subprocess.run(
            argv, env=self.environment | environment, cwd=self.home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def git_value(self, key: str) -> str:
        """What git has configured."""
        return self.tool("git", "config", "--get", key).strip()

    def gpg_secrets(self) -> list[str]:
        """Fingerprints of the secret keys."""
        listing = self.tool("gpg", "--batch", "--with-colons", "--list-secret-keys")
        return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr")]

    @property
    def ssh_mark(self) -> str:
        """The public half of the SSH key."""
        return " ".join((self.home / ".ssh/id_ed25519.pub").read_text().split()[:2])

    def leftovers(self) -> list[Path]:
        """What a killed run may have left and the next must have swept."""
        return list(self.home.rglob(".nuketown-identity-*"))

    def close(self) -> None:
        """Stop the agent that gpg starts for each home."""
        if (self.home / ".gnupg").is_dir():
            self.tool("gpgconf", "--kill", "all")


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    """A GitHub with one account, ``ada-agent``, for :data:`TOKEN`."""
    with GitHubServer() as server:
        server.accounts.append(Account("ada-agent", TOKEN))
        server.host_keys = [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
        ]
        yield server


@pytest.fixture
def new_home(short_tmp: Path, github: GitHubServer) -> Iterator[Callable[..., AgentHome]]:
    """Make homes of agents by name."""
    homes: list[AgentHome] = []

    def make(name: str = "ada", **options: str) -> AgentHome:
        options.setdefault("api_url", github.api_url)
        homes.append(AgentHome(short_tmp / name, **options))
        return homes[-1]

    yield make
    for home in homes:
        home.close()


@pytest.fixture
def ada(new_home: Callable[..., AgentHome]) -> AgentHome:
    """The home of one agent, empty but for its configuration."""
    return new_home()
