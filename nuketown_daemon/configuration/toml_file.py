"""Reading one TOML file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

from nuketown_approval.configuration.toml_text import toml_values
from nuketown_daemon.errors import ConfigError

_REMEDIES = {
    errno.EACCES: "mend its permissions",
    errno.ELOOP: "it is a link to itself, put the file there",
    errno.EISDIR: "put a TOML file in its place",
    errno.ENOTDIR: "name the directory that holds the configuration files instead",
    errno.ENOENT: "it is a link to nothing, put the file there or remove the link",
}


def read_toml(path: Path) -> dict[str, Any] | None:
    """Return what is in ``path``; None: there is no such file.

    :raises ConfigError: it can't be read, or is no TOML
    """
    try:
        # Of a pipe in its place nothing would come, for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError as exc:
        if isinstance(exc, FileNotFoundError) and not os.path.lexists(path):
            return None
        remedy = _REMEDIES.get(exc.errno or 0, "see to it")
        raise ConfigError(f"{path}: can't be read ({exc.strerror}): {remedy}.") from exc
    if data is None:
        raise ConfigError(f"{path}: is not a regular file: put a TOML file in its place.")
    try:
        return toml_values(data)
    except ValueError as exc:
        raise ConfigError(f"{path}: {exc}.") from exc
