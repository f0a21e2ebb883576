"""Taking a place in the file system for a listening socket, and giving it back."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nuketown_approval.errors import ApprovalConfigError

_BACKLOG = 128


@contextmanager
def listening_socket(path: Path, *, open_to_all: bool, program: str) -> Iterator[socket.socket]:
    """Listen at ``path`` while the context lasts.

    What a dead process left there is replaced; a lock beside it keeps two starts apart. At the end
    the file is removed if it is still ours.

    :param program: its name, for the errors' sentences
    :raises ApprovalConfigError: one is already running there, or the place can't be used
    """
    with _lock(path, program), contextlib.ExitStack() as stack:
        _clear(path, program)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        stack.callback(listener.close)
        # The mode comes from the umask, so that there is no moment with another one.
        earlier = os.umask(0o111 if open_to_all else 0o177)
        try:
            listener.bind(str(path))
        except OSError as exc:
            raise ApprovalConfigError(
                f"the socket {path} can't be made ({exc.strerror}): mend the directory's "
                "permissions, or configure another place."
            ) from exc
        finally:
            os.umask(earlier)
        ours = path.lstat()
        stack.callback(_remove, path, ours)
        listener.listen(_BACKLOG)
        yield listener


def check_directory(path: Path, what: str) -> None:
    """Refuse a directory in which somebody else could put a socket in place of ours.

    :param what: how the error names it
    :raises ApprovalConfigError: not there, no real directory, or not this user's alone to write
    """
    try:
        status = path.lstat()
    except OSError as exc:
        raise ApprovalConfigError(
            f"{what}, {path}, can't be used ({exc.strerror}): create it, owned by this user."
        ) from exc
    if not stat.S_ISDIR(status.st_mode):
        raise ApprovalConfigError(f"{what}, {path}, is not a directory: replace it by a real one.")
    if status.st_uid != os.geteuid():
        raise ApprovalConfigError(
            f"{what}, {path}, belongs to uid {status.st_uid}, not to this user (uid "
            f"{os.geteuid()}): give it to this user, or run as that one."
        )
    if status.st_mode & 0o022:
        raise ApprovalConfigError(
            f"{what}, {path}, can be written by others (mode "
            f"{stat.S_IMODE(status.st_mode):04o}): run chmod go-w on it."
        )


@contextmanager
def _lock(path: Path, program: str) -> Iterator[None]:
    lock_path = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(
            lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600
        )
    except OSError as exc:
        raise ApprovalConfigError(
            f"the lock {lock_path} can't be opened ({exc.strerror}): remove what is there, or "
            "mend the directory's permissions."
        ) from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise _already_running(path, program) from exc
        yield  # the file stays: removing it would let two holders lock two files
    finally:
        os.close(descriptor)


def _clear(path: Path, program: str) -> None:
    """Remove the socket of a dead process; refuse anything else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as exc:
        raise ApprovalConfigError(
            f"the socket's place {path} can't be looked at ({exc.strerror}): mend the "
            "directory's permissions."
        ) from exc
    if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid():
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "something else"
        if stat.S_ISSOCK(status.st_mode):
            kind = f"a socket of uid {status.st_uid}"
        raise ApprovalConfigError(f"{path} is {kind}, not a socket of {program}: remove it.")
    if _is_alive(path):
        raise _already_running(path, program)
    path.unlink(missing_ok=True)


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        error = probe.connect_ex(str(path))
    # EAGAIN: somebody listens, and its backlog is full.
    return error not in (errno.ECONNREFUSED, errno.ENOENT)


def _already_running(path: Path, program: str) -> ApprovalConfigError:
    return ApprovalConfigError(
        f"a {program} is already running at {path}: stop it first, or use that one."
    )


def _remove(path: Path, ours: os.stat_result) -> None:
    with contextlib.suppress(OSError):
        if os.path.samestat(path.lstat(), ours):
            path.unlink()
