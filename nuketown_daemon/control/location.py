"""Where the daemon's socket is (design §8): the daemon and its clients agree on it here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.listening import check_directory
from nuketown_daemon.errors import ConfigError

if TYPE_CHECKING:  # a client of the socket reads no configuration: a third of its start
    from nuketown_daemon.configuration import Configuration

AGENTS_DIRECTORY = Path("/run/nuketown/agents")
SOCKET_NAME = "daemon.sock"
_SUN_PATH = 107
"""Longest path of a socket in bytes, without the final NUL (unix(7))."""


@dataclass(frozen=True)
class SocketLocation:
    """The place of one daemon's socket, and who may connect there."""

    path: Path
    open_to_all: bool
    """Anybody can connect and is then judged by credentials; else the mode keeps others out."""
    human_user: str | None = None
    """Account that is served besides the agent's own and root."""


class SocketDirectories:
    """The two directories that sockets are kept in.

    :param agents: has a directory for each agent, made by the system and owned by the agent
    :param runtime: the user's own runtime directory; None: ``$XDG_RUNTIME_DIR``, where it is set
    """

    def __init__(self, agents: Path = AGENTS_DIRECTORY, runtime: Path | None = None) -> None:
        self.agents = agents
        named = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
        # A relative one is to be ignored (XDG Base Directory Specification).
        self.runtime = runtime or (named if named.is_absolute() else None)

    @property
    def runtime_socket(self) -> Path | None:
        """Socket of a daemon that runs as this user, where there is a runtime directory."""
        return self.runtime / "nuketown" / SOCKET_NAME if self.runtime else None

    def of_daemon(self, configuration: Configuration) -> SocketLocation:
        """Where the daemon with this configuration listens; its directory exists afterwards.

        :raises ConfigError: there is no place for it, or somebody else could tamper with it
        """
        human = configuration.daemon.human_user
        named = configuration.daemon.socket
        agent_directory = self.agents / configuration.identity.name
        if named is not None:
            open_to_all = named.parent == agent_directory or human is not None
            location = SocketLocation(named, open_to_all, human)
            _check_directory(named.parent, "the directory of daemon.toml's socket")
        elif os.path.lexists(agent_directory):
            location = SocketLocation(
                agent_directory / SOCKET_NAME, open_to_all=True, human_user=human
            )
            _check_directory(agent_directory, "the agent's directory")
        else:
            location = SocketLocation(self._make_runtime_socket_directory(), open_to_all=False)
        if len(os.fsencode(location.path)) > _SUN_PATH:
            raise ConfigError(
                f"the socket path {location.path} is longer than {_SUN_PATH} bytes, which the "
                "kernel refuses: set socket in daemon.toml to a shorter one."
            )
        return location

    def _make_runtime_socket_directory(self) -> Path:
        path = self.runtime_socket
        if self.runtime is None or path is None:
            raise ConfigError(
                f"there is no place for the daemon's socket: {self.agents} has no directory for "
                "this agent and XDG_RUNTIME_DIR is not set: log in through systemd-logind (or "
                "enable lingering), or set socket in daemon.toml."
            )
        _check_directory(self.runtime, "XDG_RUNTIME_DIR")
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise ConfigError(
                f"the directory {path.parent} can't be made ({exc.strerror}): mend the "
                "permissions of XDG_RUNTIME_DIR, or set socket in daemon.toml."
            ) from exc
        _check_directory(path.parent, "the socket's directory")
        return path


def _check_directory(path: Path, what: str) -> None:
    """Refuse a directory in which somebody else could put a socket in place of ours."""
    try:
        check_directory(path, what)
    except ApprovalConfigError as exc:
        raise ConfigError(str(exc)) from exc
