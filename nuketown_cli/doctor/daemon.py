"""The daemons: their directories and sockets, who listens there, and how they are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from nuketown_cli.discovery import AgentSocket, find_sockets
from nuketown_cli.doctor.finding import Finding, Subject, bad, ok, warn
from nuketown_cli.errors import CommandError, ImpostorError, RefusedError, UnreachableError
from nuketown_cli.reach import connect
from nuketown_cli.safe_text import safe_text
from nuketown_daemon import __version__
from nuketown_daemon.control.contract import Status

_RESTART = "systemctl --user restart nuketown-daemon (as the agent's user), and look at its log"


def check_daemons(subject: Subject) -> Iterator[Finding]:
    """Every agent's daemon that this user could speak to."""
    targets = find_sockets(subject.directories)
    if subject.agent is not None:
        targets = [t for t in targets if t.agent == subject.agent] or [
            t for t in targets if t.agent is None
        ]
    yield from _agents_directory(subject)
    if not targets:
        own = subject.directories.runtime_socket
        yield bad(
            "daemon",
            f"no agent's socket was found in {subject.directories.agents}"
            + (f" or at {own}" if own else ", and XDG_RUNTIME_DIR is not set"),
            _RESTART,
        )
    for target in targets:
        yield from _daemon(target)


def _agents_directory(subject: Subject) -> Iterator[Finding]:
    path = subject.directories.agents
    try:
        status = path.stat()
    except OSError:
        return  # not on this machine: sockets are in runtime directories
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        yield bad(
            "socket.agents_directory",
            f"{path} belongs to uid {status.st_uid}, mode {stat.S_IMODE(status.st_mode):04o}: "
            "somebody could put a directory of theirs in an agent's place",
            f"chown root {path} && chmod 0755 {path}",
        )


def _daemon(target: AgentSocket) -> Iterator[Finding]:
    label = target.label
    yield from _socket_file(target)
    try:
        with connect(target) as agent:
            status = agent.status()
    except ImpostorError as exc:
        remedy = f"stop that process and remove {target.path}"
        yield bad("socket.credentials", _one_line(exc), remedy)
    except RefusedError:
        yield ok("socket", f"{label}: its daemon runs and does not serve this user")
    except UnreachableError as exc:
        yield bad("daemon", _one_line(exc), _RESTART)
    except CommandError as exc:
        yield bad("daemon", _one_line(exc), "restart the daemon, and look at its log")
    else:
        yield ok(
            "socket.credentials", f"{agent.name}: uid {target.server_uid} listens, as it should"
        )
        yield from _status(agent.name, status)


def _socket_file(target: AgentSocket) -> Iterator[Finding]:
    try:
        status = target.path.lstat()
    except OSError:
        return  # connecting says so
    if not stat.S_ISSOCK(status.st_mode):
        yield bad("socket.file", f"{target.path} is not a socket", f"remove {target.path}")
    elif status.st_uid != target.server_uid:
        yield bad(
            "socket.file",
            f"{target.path} belongs to uid {status.st_uid}, not to uid {target.server_uid}",
            f"remove {target.path} and restart the daemon",
        )


def _status(name: str, status: Status) -> Iterator[Finding]:
    state = safe_text(status.status, one_line=True)
    yield ok("daemon", f"{name}: runs (pid {status.pid}), {state}")
    if status.version != __version__:
        version = safe_text(status.version, one_line=True)
        yield warn(
            "daemon.version",
            f"{name}: the daemon is version {version}, this command is {__version__}",
            "restart the daemon after an update, or update this command",
        )
    if status.jid is None:
        yield warn("xmpp", f"{name}: has no XMPP account", "write xmpp.toml and restart the daemon")
    elif not status.connected:
        yield bad(
            "xmpp",
            f"{name}: is not connected to XMPP as {safe_text(status.jid, one_line=True)}",
            safe_text(status.problem, one_line=True)
            if status.problem
            else "look at the daemon's log: it says whether the server or the network is at fault",
        )
    else:
        yield ok("xmpp", f"{name}: online as {safe_text(status.jid, one_line=True)}")


def _one_line(error: CommandError) -> str:
    return safe_text(str(error), one_line=True)
