"""A booted Debian in systemd-nspawn: real systemd, users and units, all of it thrown away."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from nuketown_daemon.errors import NuketownError

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = "/opt/environment"
"""Where the container sees the project's virtual environment."""
SOURCE = "/opt/nuketown"
"""Where the container sees the checkout."""
PYTHON_PATH = f"{SOURCE}:{SOURCE}/broker"

_BOOT_S = 60
_numbers = itertools.count(1)
_STOP_S = 20


class Container:
    """Boots ``root`` under an overlay in memory; the directory itself is only read.

    It has its own users, processes and mounts.

    :param log: file for what the boot prints
    :param network: share this machine's; else it has nothing but a loopback of its own
    :param binds: files and directories of this machine that it may read, at the same paths
    """

    def __init__(
        self, root: Path, log: Path, *, network: bool = False, binds: Sequence[Path] = ()
    ) -> None:
        self._root = root
        self._log = log
        self._network = network
        self._binds = tuple(binds)
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        booted = Path("/run/systemd/system").is_dir()  # this machine's own systemd
        # Killed with the tests, however they end: then its leader goes too, and every mount.
        command = [
            "setpriv", "--pdeathsig", "KILL",
            "systemd-nspawn", "--quiet", "--register=no",
            f"--machine=nuketown-{os.getpid()}-{next(_numbers)}",
            *([] if booted else ["--keep-unit"]), f"--directory={self._root}",
            "--volatile=overlay", "--console=read-only", "--boot",
            "--link-journal=no", "--timezone=off",
            *self._isolation(),
            f"--bind-ro={CHECKOUT}:{SOURCE}", f"--bind-ro={sys.prefix}:{ENVIRONMENT}",
            *(f"--bind-ro={path}" for path in self._binds),
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._leader = self._find_leader()
            self._wait_until_up()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def run(
        self, *argv: str, user: str | None = None, check: bool = True, timeout_s: float = 30.0
    ) -> str:
        """Run a command inside, as root or as ``user`` with its runtime directory.

        :return: standard output
        :raises NuketownError: it failed, with all it printed
        """
        return self._run(*argv, user=user, check=check, timeout_s=timeout_s)

    def _run(
        self,
        *argv: str,
        user: str | None = None,
        check: bool = True,
        timeout_s: float = 30.0,
        given: bytes = b"",
    ) -> str:
        done = subprocess.run(
            self.command(*argv, user=user),
            input=given,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        output = done.stdout.decode()
        if check and done.returncode != 0:
            raise NuketownError(
                f"{shlex.join(argv)}: exit {done.returncode}\n{output}{done.stderr.decode()}"
            )
        return output

    def command(self, *argv: str, user: str | None = None) -> list[str]:
        """The argument vector that runs ``argv`` inside, for who wants to hold its ends."""
        inside = [*_as(user), *argv] if user else list(argv)
        enter = ["nsenter", f"--target={self._leader}", "--mount", "--pid", "--uts", "--ipc",
                 "--net", "--root", "--wd", "--"]  # fmt: skip
        clean = ["/usr/bin/env", "-i", f"PATH={ENVIRONMENT}/bin:/usr/sbin:/usr/bin",
                 f"PYTHONPATH={PYTHON_PATH}", "PYTHONDONTWRITEBYTECODE=1",
                 "LANG=C.UTF-8"]  # fmt: skip
        return [*enter, *clean, *inside]

    def write(
        self, path: str, text: str | bytes, *, owner: str = "root", mode: int = 0o644
    ) -> None:
        """Put a file, and the directories above it, inside; no list of processes shows ``text``."""
        install = f'mkdir -p "$(dirname "$1")" && (umask 077; cat >"$1") && chmod {mode:o} "$1"'
        given = text.encode() if isinstance(text, str) else text
        self._run(*_as(owner), "sh", "-c", install, "sh", path, given=given)

    def wait(self, condition: str, *, user: str | None = None, timeout_s: float = 20.0) -> None:
        """Wait until the shell command ``condition`` succeeds inside."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.run("sh", "-c", condition, user=user)
            except NuketownError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def _isolation(self) -> list[str]:
        if not self._network:
            return ["--private-network", "--resolv-conf=off"]
        # The same host name: cookies of a display are looked up by it (Xau(3)).
        return ["--resolv-conf=bind-host", f"--hostname={os.uname().nodename}"]

    def _find_leader(self) -> int:
        """The container's PID 1, seen from here: the one child of systemd-nspawn."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        deadline = time.monotonic() + _BOOT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            for pid in children.read_text().split():
                try:
                    if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                        return int(pid)
                except FileNotFoundError:
                    continue
            time.sleep(0.05)
        raise NuketownError(f"the container did not boot: {self._log.read_text()[-2000:]}")

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + _BOOT_S
        state = ""
        while time.monotonic() < deadline:
            state = self.run("systemctl", "is-system-running", check=False).strip()
            if state in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise NuketownError(f"systemd is {state!r}: {self._log.read_text()[-2000:]}")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)  # an orderly poweroff inside
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _as(user: str) -> list[str]:
    """Become ``user``, as a login would: its groups, its home, its systemd."""
    if user == "root":
        return []
    become = (
        'uid=$(id -u "$0") && exec setpriv --reuid "$0" --regid "$(id -g "$0")" --init-groups '
        'env HOME="/home/$0" USER="$0" LOGNAME="$0" XDG_RUNTIME_DIR="/run/user/$uid" '
        'DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@"'
    )
    return ["sh", "-c", become, user]
