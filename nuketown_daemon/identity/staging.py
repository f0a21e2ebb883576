"""Files appear whole or not at all: made beside their place, then renamed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nuketown_daemon.errors import IdentityError

_PREFIX = ".nuketown-identity-"
_LOCK_TIMEOUT_S = 120.0


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; the kernel frees it however this process ends.

    :raises IdentityError: another run held it for two minutes
    """
    with _as_sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a")
    with file:
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as exc:
                if time.monotonic() > deadline:
                    raise IdentityError(
                        f"another nuketown-identity holds {path}: wait for it to end."
                    ) from exc
                time.sleep(0.1)
        yield


@contextlib.contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """A private directory inside ``directory``, on the same file system and gone afterwards."""
    with _as_sentence(directory):
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=directory))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(directory: Path) -> None:
    """Remove what a run that was killed has left in ``directory``; call it under the lock."""
    if directory.is_dir():
        for path in directory.glob(f"{_PREFIX}*"):
            shutil.rmtree(path, ignore_errors=True)


def private_directory(directory: Path) -> None:
    """Make ``directory``, or mend its mode, so that its owner alone may enter it (0700)."""
    with _as_sentence(directory):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if directory.stat().st_mode & 0o077:
            directory.chmod(0o700)


def install(staged: Path, place: Path) -> None:
    """Put ``staged`` into ``place``: on disk first, then there at once.

    A link at ``place`` stays; the file that it leads to is replaced.
    """
    target = place.resolve()
    with _as_sentence(place):
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        staged.replace(target)


def write_whole(place: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write ``data`` to ``place``, as a whole, with ``mode``."""
    with staging(place.resolve().parent) as directory:
        with _as_sentence(place):
            path = directory / place.name
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)  # the umask is stricter
                file.write(data)
        install(path, place)


@contextlib.contextmanager
def _as_sentence(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise IdentityError(
            f"{place} can't be written ({exc.strerror}): make it this user's own, with room on "
            "its disk."
        ) from exc
