"""The X display of whoever started the demonstration, to be opened from inside a container."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LOCAL = re.compile(r"(?:unix)?:(\d+)(?:\.\d+)?")


@dataclass(frozen=True)
class DisplayHere:
    """A local X display and what opens it."""

    name: str
    socket: Path
    cookies: bytes
    """The authority file (Xau(3))."""
    uid: int | None
    """Whose display it is, if not root's."""

    @property
    def binds(self) -> tuple[Path, ...]:
        """Files that the container has to see."""
        return (self.socket,)

    @property
    def variables(self) -> Mapping[str, str]:
        """For programs that open it."""
        return {"DISPLAY": self.name}


def display_here(environment: Mapping[str, str] | None = None) -> DisplayHere | None:
    """Find ``DISPLAY``; None: there is none, it is another machine's, or it has no cookie."""
    variables = os.environ if environment is None else environment
    found = _LOCAL.fullmatch(variables.get("DISPLAY", ""))
    if found is None:
        return None
    socket = Path("/tmp/.X11-unix") / f"X{found[1]}"  # noqa: S108  (where X servers listen)
    home = variables.get("HOME") or str(Path.home())
    authority = Path(variables.get("XAUTHORITY") or f"{home}/.Xauthority")
    try:
        cookies = authority.read_bytes()
        owner = socket.stat().st_uid
    except OSError:
        return None
    return DisplayHere(variables["DISPLAY"], socket, cookies, owner or None)
