"""Secrets of the daemon, read as :mod:`nuketown_approval.secret_file` does."""

from __future__ import annotations

from pathlib import Path

from nuketown_approval import secret_file
from nuketown_approval.errors import ApprovalConfigError
from nuketown_daemon.errors import ConfigError


def read_secret(path: Path, *, key: str) -> str:
    """Return the secret in ``path`` without its final newline.

    :param key: the configuration key that names the file, for the error's sentence
    :raises ConfigError: missing, empty, not a regular file, or readable by others than its owner
    """
    try:
        return secret_file.read_secret(path, key=key)
    except ApprovalConfigError as exc:
        raise ConfigError(str(exc)) from exc
