"""Runs the real git: argument vectors only, nothing that can prompt, bounded time and output.

A clone's ``.git/config`` can name programs, and whoever worked in it last wrote it. Git is
therefore run in two ways: :meth:`Git.look` starts none of them and opens no connection,
:meth:`Git.act` behaves as the user's own git would (hooks, ``core.sshCommand``, credential
helpers), because that is what works with ssh and https remotes as they are configured.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from nuketown_daemon.errors import WorkspaceError

LOOK_TIMEOUT_S = 60.0
ACT_TIMEOUT_S = 600.0
OUTPUT_LIMIT = 1024 * 1024
"""Bytes of standard output that are kept; what comes after is read and dropped."""

_STDERR_LIMIT = 8 * 1024
_LINE_LIMIT = 300
_DRAIN_S = 1.0
_TERMINATE_S = 5.0

# Where looking could run a program named by the repository: fsmonitor (status), hooks, the pager,
# signature checks (log), a bare repository planted in the directory. Clean filters stay: without
# them every file of git-lfs would look changed.
_LOOKING = (
    "--no-pager",
    "--no-optional-locks",  # a session may be at work in the same clone
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "log.showSignature=false"),
    *("-c", "safe.bareRepository=explicit"),
)
_NO_TRANSPORT = ""
# Overrides protocol.*.allow of any configuration file: `ext::sh -c …` is never a transport. The
# environment of the daemon itself may say otherwise.
_TRANSPORTS = "file:git:http:https:ssh"

# They would send git to another repository than the directory it is told (git(1)).
_REDIRECTING = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_DIR",
        "GIT_EXTERNAL_DIFF",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
        # Dialogs: nobody sits before the daemon. GIT_ASKPASS and core.askPass stay, they name
        # programs that hand out a token without asking.
        "SSH_ASKPASS",
        "DISPLAY",
        "WAYLAND_DISPLAY",
    }
)

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+"
)
_CREDENTIALS = re.compile(r"(?P<scheme>https?|ftps?)://[^/\s]+@|(?P<user>://[^/@:\s]+):[^/\s]+@")


@dataclass(frozen=True)
class GitOutput:
    """What a run of git left."""

    code: int
    stdout: str
    complaint: str
    """Why it failed, the telling line of standard error, safe to show."""
    truncated: bool

    @property
    def lines(self) -> list[str]:
        """Lines of standard output."""
        return self.stdout.splitlines()

    @property
    def fields(self) -> list[str]:
        """Standard output of a command with ``-z``, cut at its NULs."""
        return self.stdout.removesuffix("\0").split("\0") if self.stdout else []


class Git:
    """Git in one directory."""

    def __init__(self, directory: Path) -> None:
        """Work in ``directory``, and in no repository that it merely lies in."""
        self.directory = directory

    async def look(
        self,
        *arguments: str,
        accept: Collection[int] = (0,),
        limit: int = OUTPUT_LIMIT,
        timeout_s: float = LOOK_TIMEOUT_S,
    ) -> GitOutput:
        """Run a command that only reads; nothing the repository names is started.

        :param accept: exit codes that are answers, not errors
        :param limit: bytes of output to keep
        :raises WorkspaceError: another exit code, no git, or not done in time
        """
        argv = ["git", *_LOOKING, "-C", str(self.directory), *arguments]
        environment = self._environment(_NO_TRANSPORT)
        return _checked(arguments, await _run(argv, environment, limit, timeout_s), accept)

    async def act(
        self, *arguments: str, accept: Collection[int] = (0,), timeout_s: float = ACT_TIMEOUT_S
    ) -> GitOutput:
        """Run a command that changes the clone or speaks to a remote, as the user's git would.

        :param accept: exit codes that are answers, not errors
        :raises WorkspaceError: another exit code, no git, or not done in time
        """
        argv = ["git", "--no-pager", "-C", str(self.directory), *arguments]
        environment = self._environment(os.environ.get("GIT_ALLOW_PROTOCOL", _TRANSPORTS))
        return _checked(arguments, await _run(argv, environment, OUTPUT_LIMIT, timeout_s), accept)

    def _environment(self, protocols: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
        return kept | {
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_EDITOR": "true",
            "GIT_ALLOW_PROTOCOL": protocols,
            "GIT_CEILING_DIRECTORIES": str(self.directory.parent),
        }


def safe_line(text: str) -> str:
    r"""Return ``text`` as one line to show: no control or bidirectional characters, no password.

    >>> safe_line("fatal: 'https://me:secret@example.org/x.git/' not found\x1b[31m")
    "fatal: 'https://…@example.org/x.git/' not found [31m"
    """
    line = _CREDENTIALS.sub(
        lambda m: f"{m['scheme']}://…@" if m["scheme"] else f"{m['user']}:…@",
        " ".join(_UNSAFE.sub(" ", text).split()),
    )
    return line if len(line) <= _LINE_LIMIT else line[: _LINE_LIMIT - 1] + "…"


def _checked(arguments: Sequence[str], output: GitOutput, accept: Collection[int]) -> GitOutput:
    if output.code not in accept:
        # Some of its commands complain on standard output ("README: needs merge").
        said = output.complaint or safe_line("".join(output.lines[-1:]))
        reason = said or f"exit code {output.code}"
        if ".lock': File exists" in reason:
            reason += " If no git is at work there, one was killed: remove that file."
        raise WorkspaceError(f"git {arguments[0]} failed: {reason}")
    return output


class _Collector(asyncio.SubprocessProtocol):
    """Keeps the beginning of standard output and the end of standard error."""

    def __init__(self, limit: int) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.truncated = False
        self.exited = asyncio.Event()
        self.drained = asyncio.Event()
        self._limit = limit
        self._open = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            room = self._limit - len(self.stdout)
            self.stdout += data[:room]
            self.truncated |= len(data) > room
        else:
            self.stderr += data
            del self.stderr[:-_STDERR_LIMIT]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        self._open.discard(fd)
        if not self._open:
            self.drained.set()

    def process_exited(self) -> None:
        self.exited.set()

    @property
    def complaint(self) -> str:
        return _complaint(self.stderr.decode(errors="replace"))


def _complaint(stderr: str) -> str:
    """The line that says why: git's last ``fatal:`` or ``error:``, else the last one.

    Where git only says that it can't read from the remote, ssh said why on the line before.
    """
    lines = [line for line in stderr.replace("\r", "\n").splitlines() if line.strip()]
    said = [i for i, line in enumerate(lines) if line.startswith(("fatal: ", "error: "))]
    at = said[-1] if said else len(lines) - 1
    if said and at > 0 and "Could not read from remote repository" in lines[at]:
        return safe_line(f"{lines[at - 1]} {lines[at]}")
    return safe_line(lines[at]) if lines else ""


async def _run(
    argv: Sequence[str], environment: dict[str, str], limit: int, timeout_s: float
) -> GitOutput:
    """Run ``argv`` to its end; on timeout or cancellation its whole process group is ended."""
    loop = asyncio.get_running_loop()
    try:
        # A session of its own: neither git nor ssh finds a terminal to ask on.
        transport, collector = await loop.subprocess_exec(
            lambda: _Collector(limit),
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except OSError as exc:
        raise WorkspaceError(f"git can't be started ({exc.strerror}): install git.") from exc
    try:
        async with asyncio.timeout(timeout_s):
            await collector.exited.wait()
        # A connection that ssh keeps for later (ControlPersist) holds the pipe: not waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await collector.drained.wait()
    except TimeoutError as exc:
        raise WorkspaceError(
            f"git {argv[argv.index('-C') + 2]} was not done after {timeout_s:.0f} s and was ended: "
            "is the remote reachable?"
        ) from exc
    finally:
        if not collector.exited.is_set():
            await _end(transport.get_pid(), collector)
        transport.close()
    return GitOutput(
        code=cast("int", transport.get_returncode()),
        stdout=collector.stdout.decode(errors="replace"),
        complaint=collector.complaint,
        truncated=collector.truncated,
    )


async def _end(pid: int, collector: _Collector) -> None:
    """End the process group ``pid``: asked first, so that git removes its lock files."""
    try:
        _signal_group(pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TERMINATE_S):
                await collector.exited.wait()
    finally:
        _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
