"""Who called sudo, and who the command runs as."""

from __future__ import annotations

import os
import pwd

from nuketown_sudo.canonical import GROUPS_LIMIT
from nuketown_sudo.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NOBODY_CAN_BE = 0xFFFFFFFF  # (uid_t) -1: "leave it" to setresuid(2), so a root that stays root


class RunAs:
    """User, groups and home of the command."""

    __slots__ = ("explicit", "gid", "groups", "home", "shell", "uid", "user")

    def __init__(self, entry: pwd.struct_passwd, gid: int | None, *, explicit: bool) -> None:
        self.user = entry.pw_name
        self.uid = entry.pw_uid
        self.gid = entry.pw_gid if gid is None else gid
        self.groups = sorted({self.gid, *os.getgrouplist(entry.pw_name, entry.pw_gid)})
        self.home = entry.pw_dir or "/"
        self.shell = entry.pw_shell or "/bin/sh"
        self.explicit = explicit
        if len(self.groups) > GROUPS_LIMIT:
            raise Refused(f"{self.user} is in more groups than a request can hold")

    def payload(self) -> dict[str, Any]:
        """As a request carries it."""
        return {
            "user": self.user,
            "uid": self.uid,
            "gid": self.gid,
            "groups": self.groups,
            "explicit": self.explicit,
        }


def caller(environment: dict[bytes, bytes]) -> pwd.struct_passwd:
    """Who called sudo, from what sudo itself sets.

    :raises Refused: it was not called by sudo as root, or the uid has no account
    """
    uid = environment.get(b"SUDO_UID", b"")
    if os.geteuid() != 0 or os.getuid() != 0 or not uid.isdigit():
        raise Refused("this program is run by the system's sudo alone; call sudo")
    try:
        return pwd.getpwuid(int(uid))
    except (KeyError, OverflowError) as exc:
        raise Refused(f"uid {int(uid)} has no account") from exc


def run_as(user: bytes | None, group: bytes | None, called_by: pwd.struct_passwd) -> RunAs:
    """The account for ``-u`` and ``-g``; with ``-g`` alone it is the caller's, as in sudo.

    :raises Refused: there is no such account or group
    """
    if user is None:
        entry = called_by if group is not None else pwd.getpwnam("root")
    else:
        entry = _entry(user)
    gid = None if group is None else _gid(group)
    return RunAs(entry, gid, explicit=user is not None or group is not None)


def _entry(user: bytes) -> pwd.struct_passwd:
    text = user.decode(errors="replace")
    try:
        if text.startswith("#"):
            return pwd.getpwuid(_number(text[1:]))
        return pwd.getpwnam(text)
    except (KeyError, ValueError, OverflowError) as exc:
        raise Refused(f"unknown user {text!a}") from exc


def _gid(group: bytes) -> int:
    import grp  # noqa: PLC0415  (rarely needed)

    text = group.decode(errors="replace")
    try:
        entry = grp.getgrgid(_number(text[1:])) if text.startswith("#") else grp.getgrnam(text)
    except (KeyError, ValueError, OverflowError) as exc:
        raise Refused(f"unknown group {text!a}") from exc
    return entry.gr_gid


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) >= _NOBODY_CAN_BE:
        raise ValueError("no id")
    return int(text)
