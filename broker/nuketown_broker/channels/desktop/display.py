"""The human's display: where it is now, and whether an answer given there can be believed.

It is looked up at each question, because people log in and out: in the environment of the user's
service manager (``systemctl --user show-environment``), then in the broker's own. Everything here
blocks for a few seconds at most; callers on an event loop use a thread.
"""

from __future__ import annotations

import os
import shlex
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nuketown_approval.errors import ApprovalUnavailable
from nuketown_broker.channels.desktop.x_access import access_problem

_SYSTEMCTL_S = 3.0
_KEYS = frozenset({"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"})


@dataclass(frozen=True)
class Display:
    """A display that nobody else can open."""

    name: str
    """``wayland-0`` or ``:0``, for logs."""
    variables: Mapping[str, str]
    """What a program needs in its environment to open it."""


def find_display(environment: Mapping[str, str] | None = None) -> Display:
    """Find the human's display and check that no other user can press its buttons.

    :param environment: the broker's own; None: this process's
    :raises ApprovalUnavailable: there is none, or answers given there could be another user's
    """
    own = os.environ if environment is None else environment
    problem: ApprovalUnavailable | None = None
    for variables in (_manager_environment(own), own):
        for display in _candidates(variables, own):
            try:
                check_display(display)
            except ApprovalUnavailable as exc:
                problem = problem or exc
            else:
                return display
    raise problem or ApprovalUnavailable(
        "there is no display: neither the user's service manager nor the broker has DISPLAY or "
        "WAYLAND_DISPLAY in its environment."
    )


def display_problem(environment: Mapping[str, str] | None = None) -> str | None:
    """Why no popup can be shown here, in one sentence; None: one can."""
    try:
        find_display(environment)
    except ApprovalUnavailable as exc:
        return str(exc)
    return None


def wayland_socket(variables: Mapping[str, str]) -> Path:
    """Where the compositor of ``WAYLAND_DISPLAY`` listens (wl_display_connect(3))."""
    return Path(variables.get("XDG_RUNTIME_DIR", "/")) / variables["WAYLAND_DISPLAY"]


def check_display(display: Display) -> None:
    """Check that no other user can press the buttons on ``display``.

    :raises ApprovalUnavailable: somebody can, or it is not there
    """
    if "WAYLAND_DISPLAY" in display.variables:
        _check_wayland(display)
    else:
        _check_x(display)


def displays_named(environment: Mapping[str, str]) -> list[Display]:
    """Displays that an environment names, checked in no way: to be tried as somebody else."""
    return list(_candidates(environment, environment))


def _candidates(variables: Mapping[str, str], own: Mapping[str, str]) -> Iterator[Display]:
    """Displays that the variables name: Wayland first, where X clients can't press buttons."""
    runtime = variables.get("XDG_RUNTIME_DIR") or own.get("XDG_RUNTIME_DIR")
    if name := variables.get("WAYLAND_DISPLAY"):
        needed = {"WAYLAND_DISPLAY": name, "GDK_BACKEND": "wayland"}
        if runtime:
            needed["XDG_RUNTIME_DIR"] = runtime
        yield Display(name, needed)
    if name := variables.get("DISPLAY"):
        home = own.get("HOME") or str(Path.home())
        authority = variables.get("XAUTHORITY") or f"{home}/.Xauthority"
        needed = {"DISPLAY": name, "XAUTHORITY": authority, "GDK_BACKEND": "x11"}
        if runtime:
            needed["XDG_RUNTIME_DIR"] = runtime
        yield Display(name, needed)


def _check_x(display: Display) -> None:
    problem = access_problem(display.name, Path(display.variables["XAUTHORITY"]))
    if problem:
        raise ApprovalUnavailable(f"no popup is shown: {problem}.")


def _check_wayland(display: Display) -> None:
    """The compositor's socket lies where only its user comes, and is served by that user."""
    path = wayland_socket(display.variables)
    own = os.geteuid()
    try:
        directory = path.parent.stat()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as compositor:
            compositor.settimeout(_SYSTEMCTL_S)
            compositor.connect(str(path))
            _, uid, _ = struct.unpack(
                "3i", compositor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            )
    except OSError as exc:
        raise ApprovalUnavailable(f"{path} can't be opened ({exc.strerror or exc}).") from exc
    if directory.st_uid not in (0, own) or stat.S_IMODE(directory.st_mode) & 0o077:
        raise ApprovalUnavailable(
            f"no popup is shown: others come into {path.parent}, where the display's socket is: "
            "run chmod 700 on it."
        )
    if uid not in (0, own):
        raise ApprovalUnavailable(
            f"no popup is shown: {path} is served by uid {uid}, who is neither you nor root."
        )


def _manager_environment(own: Mapping[str, str]) -> dict[str, str]:
    """What the user's service manager knows of the session; empty: there is no manager."""
    try:
        done = subprocess.run(
            ["systemctl", "--user", "show-environment"],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=_SYSTEMCTL_S, check=False,
            env=dict(own),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key in _KEYS:
            found[key] = _unquoted(value)
    return found


def _unquoted(value: str) -> str:
    """systemctl(1) quotes values as a shell would."""
    try:
        words = shlex.split(value.removeprefix("$") if value.startswith("$'") else value)
    except ValueError:
        return ""
    return words[0] if words else ""
