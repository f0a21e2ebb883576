"""What a check found, and what checks are given to look at."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nuketown_daemon.control.location import SocketDirectories

if TYPE_CHECKING:
    from nuketown_daemon.configuration import Configuration

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing that is right, could be better, or is wrong."""

    level: Level
    check: str
    """A stable name such as ``socket.credentials``."""
    text: str
    remedy: str | None = None
    """How to mend it; always there unless all is well."""


@dataclass(frozen=True)
class Subject:
    """The machine as this user sees it."""

    directories: SocketDirectories
    agent: str | None
    """Look at this agent alone."""
    configuration: Configuration | None
    """Of this user's own agent, where there is one that can be read."""
    configured: bool
    """This user has configuration files of an agent, readable or not."""

    @property
    def user(self) -> str:
        """Account name of this user (the uid where it has none)."""
        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            return str(os.geteuid())


Check = Callable[[Subject], Iterator[Finding]]


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding("ok", check, text)


def warn(check: str, text: str, remedy: str) -> Finding:
    """It works, but not as it should."""
    return Finding("warn", check, text, remedy)


def bad(check: str, text: str, remedy: str) -> Finding:
    """It does not work, or is unsafe."""
    return Finding("bad", check, text, remedy)
