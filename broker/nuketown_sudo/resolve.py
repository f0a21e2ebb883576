"""From the word that was typed to the very file that will run.

What only root can change runs by its path. Of anything else a copy is taken now, sealed so that
nobody can write to it (memfd_create(2)), and that copy is hashed, shown and run.
"""

from __future__ import annotations

import os
import stat

from nuketown_sudo.canonical import absolute_path, new_sha256
from nuketown_sudo.errors import Refused
from nuketown_sudo.ownership import only_root_can_change

_COPY_LIMIT = 256 * 1024 * 1024
_CHUNK = 1024 * 1024
_MFD_EXEC = 0x10  # Linux 6.3; older kernels refuse the flag and need none
_SHEBANG_LIMIT = 256  # BINPRM_BUF_SIZE


class Executable:
    """A file to run."""

    __slots__ = ("descriptor", "is_script", "path", "sha256")

    def __init__(self, path: str) -> None:
        self.path = path
        self.sha256: str | None = None
        self.descriptor: int | None = None
        """A sealed copy; None: it runs by its path."""
        self.is_script = False

    def still_roots(self) -> bool:
        """Is it what it was when it was shown?"""
        return self.descriptor is not None or only_root_can_change(self.path)


def resolve(word: bytes, *, directories: list[str], cwd: bytes) -> Executable:
    """Find the program that ``word`` names.

    A word without a slash is looked for in ``directories`` and nowhere else. Links are not
    followed in the path, so that a pattern can tell ``reboot`` from ``systemctl``.

    :raises Refused: it is not there, can't be run, or can't be held still
    """
    path = absolute_path(_locate(word, directories, cwd))
    executable = Executable(path)
    if only_root_can_change(path):
        with open(path, "rb", buffering=0) as file:
            _check_interpreter(path, file.read(_SHEBANG_LIMIT) or b"")
        return executable
    _seal(executable)
    return executable


def _locate(word: bytes, directories: list[str], cwd: bytes) -> bytes:
    if b"/" in word:
        path = os.path.join(cwd, word)
        if any(part in (b"", b".", b"..") for part in path[1:].split(b"/")):
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        return _runnable(path, word)
    for directory in directories:
        path = os.path.join(os.fsencode(directory), word)
        if _is_runnable(path):
            return path
    raise Refused(f"{_shown(word)}: command not found")


def _runnable(path: bytes, word: bytes) -> bytes:
    if not _is_runnable(path):
        raise Refused(f"{_shown(word)}: command not found")
    return path


def _is_runnable(path: bytes) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _check_interpreter(path: str, head: bytes) -> bool:
    """Is it a script? Then nobody but root may change what reads it.

    :raises Refused: somebody can
    """
    if not head.startswith(b"#!"):
        return False
    words = head[2:].split(b"\n", 1)[0].split()
    if not words or not only_root_can_change(words[0]):
        interpreter = _shown(words[0]) if words else "none"
        raise Refused(
            f"the interpreter of {path} ({interpreter}) can be changed after it was approved: "
            "run the interpreter by its name, with the script as its argument"
        )
    return True


def _seal(executable: Executable) -> None:
    """Take the copy.

    :raises Refused: not a plain file any more, too large, or out of memory
    """
    import fcntl  # noqa: PLC0415  (only here)

    path = executable.path
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)  # opening a device could act
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Refused(f"{path} is no plain file")
        source = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
        os.close(handle)
        copy = _memfd()
        executable.sha256 = _copy(source, copy, path)
        os.close(source)
        fcntl.fcntl(
            copy,
            fcntl.F_ADD_SEALS,
            fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE,
        )
        executable.is_script = _check_interpreter(path, os.pread(copy, _SHEBANG_LIMIT, 0))
    except OSError as exc:
        raise Refused(f"{path} can't be copied to be held still: {exc.strerror}") from exc
    executable.descriptor = copy


def _memfd() -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create("nuketown-sudo", flags | _MFD_EXEC)
    except OSError:
        return os.memfd_create("nuketown-sudo", flags)


def _copy(source: int, copy: int, path: str) -> str:
    digest = new_sha256()
    size = 0
    while chunk := os.read(source, _CHUNK):
        size += len(chunk)
        if size > _COPY_LIMIT:
            raise Refused(f"{path} is too large to be held still while somebody is asked")
        digest.update(chunk)
        while chunk:
            chunk = chunk[os.write(copy, chunk) :]
    return str(digest.hexdigest())


def _shown(word: bytes) -> str:
    return word.decode(errors="replace")
