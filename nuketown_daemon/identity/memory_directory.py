"""Secrets in memory: written to a tmpfs, and to nothing else."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nuketown_daemon.errors import ConfigError, IdentityError
from nuketown_daemon.identity.secret_source import SecretSource
from nuketown_daemon.identity.staging import sweep, write_whole

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MOUNTS = Path("/proc/self/mountinfo")


def copy_secrets(source: SecretSource, names: list[str], directory: Path) -> list[Path]:
    """Write each secret to a file of its name in ``directory``, mode 0600; return the files.

    :raises ConfigError: a secret can't be read, or has no name for a file
    :raises IdentityError: the directory is not in memory, or can't be written
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"--secret {name!r}: a name such as github-pat is wanted.")
    kind = file_system(directory)
    if kind not in _IN_MEMORY:
        raise IdentityError(
            f"{directory} is on {kind}, which keeps what is written to it: mount a tmpfs there "
            '(Kubernetes: emptyDir with medium "Memory").'
        )
    # All are read before any is written.
    secrets = {name: source.read(name) for name in names}
    sweep(directory)
    paths = []
    for name, secret in secrets.items():
        path = directory / name
        if path.is_symlink():
            raise IdentityError(f"{path} is a link and could lead out of memory: remove it.")
        write_whole(path, f"{secret.get_secret_value()}\n".encode())
        paths.append(path)
    return paths


def file_system(directory: Path) -> str:
    """Type of the file system that ``directory`` is on, as in proc_pid_mountinfo(5).

    :raises IdentityError: there is no such directory
    """
    try:
        device = directory.stat().st_dev
    except OSError as exc:
        raise IdentityError(
            f"{directory} can't be looked at ({exc.strerror}): mount a tmpfs there."
        ) from exc
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in _MOUNTS.read_text(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == wanted:
            return after.split()[0]
    return "an unknown file system"
