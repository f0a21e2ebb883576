"""Become the account, enter the directory, and be the command."""

from __future__ import annotations

import os
from _signal import (  # type: ignore[import-not-found]  # signal builds enums: 6 ms
    SIG_DFL,
    SIGPIPE,
    SIGXFSZ,
    signal,
)

from nuketown_sudo.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from nuketown_sudo.account import RunAs
    from nuketown_sudo.resolve import Executable

_ENOEXEC = 8
_UMASK = 0o022


class Command:
    """All that ``execve`` needs."""

    __slots__ = ("argv", "env", "executable", "run_as")

    def __init__(
        self,
        executable: Executable,
        argv: list[bytes],
        env: dict[bytes, bytes],
        run_as: RunAs,
    ) -> None:
        self.executable = executable
        self.argv = argv
        self.env = env
        self.run_as = run_as

    def execute(self) -> NoReturn:
        """Replace this process by the command.

        :raises Refused: it can't be run; nothing was
        """
        os.umask(os.umask(_UMASK) | _UMASK)  # the stricter of the caller's and sudo's
        # Python ignores these two, and what is ignored stays so across execve(2).
        signal(SIGPIPE, SIG_DFL)
        signal(SIGXFSZ, SIG_DFL)
        try:
            _become(self.run_as)
            self._exec()
        except OSError as exc:
            raise Refused(f"unable to execute {self.executable.path}: {exc.strerror}") from exc

    def _exec(self) -> NoReturn:
        target: str | int = self.executable.path
        shown = os.fsencode(self.executable.path)
        if self.executable.descriptor is not None:
            target = self.executable.descriptor
            if self.executable.is_script:
                # The interpreter opens it by this name, so it has to stay open.
                os.set_inheritable(target, True)  # noqa: FBT003
        try:
            os.execve(target, self.argv, self.env)  # noqa: S606  (there is no shell, by design)
        except OSError as exc:
            if exc.errno != _ENOEXEC:
                raise
        # A script without #!, which execvp(3) and sudo give to the shell.
        if isinstance(target, int):
            os.set_inheritable(target, True)  # noqa: FBT003
            shown = b"/dev/fd/%d" % target
        os.execve("/bin/sh", [b"sh", shown, *self.argv[1:]], self.env)  # noqa: S606


def enter(cwd: str, *, asked_in: bytes | None) -> None:
    """Be in the directory that was shown.

    :param asked_in: where sudo was called, if the command runs there: the directory must still
        have the name that was shown, so that nobody put another one in its place
    :raises Refused: it has not, or it can't be entered
    """
    try:
        if asked_in is None:
            os.chdir(cwd)
        elif os.getcwdb() != asked_in:
            raise Refused(f"{cwd} was moved after it was shown: nothing was run")
    except OSError as exc:
        raise Refused(f"the directory {cwd} can't be entered: {exc.strerror}") from exc


def _become(run_as: RunAs) -> None:
    os.setgroups(run_as.groups)
    os.setresgid(run_as.gid, run_as.gid, run_as.gid)
    os.setresuid(run_as.uid, run_as.uid, run_as.uid)
    uids, gids = os.getresuid(), os.getresgid()
    if {*uids} != {run_as.uid} or {*gids} != {run_as.gid}:
        raise Refused(f"this process did not become {run_as.user}: nothing was run")
