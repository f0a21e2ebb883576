"""Which agents' sockets there are on this machine, and whose each must be."""

from __future__ import annotations

import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.control.location import SOCKET_NAME, SocketDirectories

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class AgentSocket:
    """A place where an agent's daemon may listen."""

    path: Path
    server_uid: int
    """Only a server of this uid is spoken to."""
    agent: str | None
    """None: the caller's own daemon, which is asked for its name."""

    @property
    def label(self) -> str:
        """How to name it before it told its own name."""
        return self.agent or "this user's agent"


def find_sockets(directories: SocketDirectories) -> list[AgentSocket]:
    """Every place of an agent's socket, by name; the caller's own runtime socket comes last.

    An agent is listed while its directory is there, whether or not its daemon listens.
    """
    found = [s for name in _names(directories.agents) if (s := _agent_socket(directories, name))]
    own = directories.runtime_socket
    if own is not None and os.path.lexists(own):
        found.append(AgentSocket(own, os.geteuid(), None))
    return found


def _names(agents: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in agents.iterdir() if _NAME.fullmatch(entry.name))
    except OSError:
        return []


def _agent_socket(directories: SocketDirectories, name: str) -> AgentSocket | None:
    directory = directories.agents / name
    try:
        status = directory.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:  # in a container the agent's account may have another name
        uid = status.st_uid
    return AgentSocket(directory / SOCKET_NAME, uid, name)
