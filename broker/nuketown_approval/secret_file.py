"""Secrets are read from files that nobody else can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nuketown_approval.errors import ApprovalConfigError

_LIMIT = 64 * 1024


def read_secret(path: Path, *, key: str) -> str:
    """Return the secret in ``path`` without its final newline.

    :param key: the configuration key that names the file, for the error's sentence
    :raises ApprovalConfigError: missing, empty, not a regular file, or readable by others
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        raise ApprovalConfigError(
            f"{key}: the secret file {path} can't be read ({exc.strerror}): "
            "create it, readable by this user alone (mode 0600)."
        ) from exc
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ApprovalConfigError(
                f"{key}: {path} is not a regular file: name a file with the secret."
            )
        if status.st_mode & 0o077:
            raise ApprovalConfigError(
                f"{key}: the secret file {path} can be read by others "
                f"(mode {stat.S_IMODE(status.st_mode):04o}): run chmod 600 on it."
            )
        if status.st_uid not in (0, os.geteuid()):
            raise ApprovalConfigError(
                f"{key}: the secret file {path} belongs to uid {status.st_uid}, who could change "
                f"it: give it to this user (uid {os.geteuid()}) or to root."
            )
        data = file.read(_LIMIT)
    try:
        secret = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as exc:
        raise ApprovalConfigError(
            f"{key}: {path} is not text in UTF-8: write the secret as text."
        ) from exc
    if not secret or any(ord(character) < 0x20 for character in secret):
        raise ApprovalConfigError(
            f"{key}: {path} must hold the secret on one line and nothing else."
        )
    return secret
