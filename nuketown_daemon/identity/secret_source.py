"""Where secrets come from. Plain files are the first source; cloud stores implement the same."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from nuketown_daemon.secret_file import read_secret


class SecretSource(Protocol):
    """A store of secrets by name, such as ``github-pat``."""

    def read(self, name: str) -> SecretStr:
        """Return the secret.

        :raises ConfigError: it is not there, or not safe where it is
        """

    def place(self, name: str) -> str:
        """Say where the secret is, for a person; never the secret."""


class SecretDirectory:
    """One file per secret, as sops-nix, agenix, systemd credentials and Kubernetes lay them out."""

    def __init__(self, directory: Path) -> None:
        """Read the files of ``directory``."""
        self._directory = directory

    def read(self, name: str) -> SecretStr:
        """Return the content of the file, which must be this user's (or root's) alone."""
        return SecretStr(read_secret(self._directory / name, key=f"secret {name}"))

    def place(self, name: str) -> str:
        """Path of the file."""
        return str(self._directory / name)
