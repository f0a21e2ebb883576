"""Can another user open a display? Tried as that user, for ``nuketown doctor`` (as root)."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

from nuketown_broker.channels.desktop.display import Display, wayland_socket
from nuketown_broker.channels.desktop.x_access import opens_without_cookie

_CLOSED, _COOKIE_READ, _OPENED, _FAILED = 0, 10, 11, 12


def display_open_to(account: pwd.struct_passwd, display: Display) -> str | None:
    """Try to open ``display`` as ``account``, in a child process.

    Call it as root, from a program with a single thread.

    :return: what that user can do there, one sentence; None: nothing
    :raises PermissionError: this process may not become that user
    """
    if os.geteuid() != 0:
        raise PermissionError("only root can try a display as another user.")
    child = os.fork()
    if child == 0:
        status = _FAILED
        try:
            os.initgroups(account.pw_name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            status = _try(display)
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    name = account.pw_name
    return {
        _CLOSED: None,
        _COOKIE_READ: f"{name} can read the cookie of display {display.name}.",
        _OPENED: f"{name} can open display {display.name} and press buttons there.",
    }.get(status, f"display {display.name} could not be tried as {name}.")


def _try(display: Display) -> int:
    if "WAYLAND_DISPLAY" in display.variables:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as compositor:
            try:
                compositor.connect(str(wayland_socket(display.variables)))
            except OSError:
                return _CLOSED
            return _OPENED
    if opens_without_cookie(display.name):
        return _OPENED
    try:
        with Path(display.variables["XAUTHORITY"]).open("rb"):
            return _COOKIE_READ
    except OSError:
        return _CLOSED
