"""Which files can a user change after an answer was given? Looks at the disk."""

from __future__ import annotations

import errno
import os
import posixpath
import pwd
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LINK_LIMIT = 40
_LOOK_LIMIT = 256
"""So many paths of a command are looked at; what comes after counts as changeable."""
_WRITE, _SEARCH = 2, 1
_ACL = "system.posix_acl_access"
_ACL_ENTRY = struct.Struct("<HHI")  # acl(5), linux/posix_acl_xattr.h
_ACL_USER, _ACL_GROUP, _ACL_MASK = 0x02, 0x08, 0x10
_EVERY_PROCESS_ITS_OWN = ("/proc/", "/dev/fd", "/dev/std")


@dataclass(frozen=True)
class Account:
    """A user as the kernel judges it."""

    uid: int
    gids: frozenset[int]

    @classmethod
    def of_uid(cls, uid: int) -> Account:
        """With all its groups of the databases now."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return cls(uid, frozenset())
        return cls(uid, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def changeable_paths(paths: Iterable[str], account: Account) -> tuple[str, ...]:
    """Those of ``paths`` (absolute) that ``account`` can change, or swap by a directory above.

    What can't be looked at counts as changeable, unless the account itself can't get there.
    """
    return tuple(
        path
        for position, path in enumerate(paths)
        if position >= _LOOK_LIMIT or _can_change(path, account)
    )


def _can_change(path: str, account: Account) -> bool:
    if path.startswith(_EVERY_PROCESS_ITS_OWN):
        return True
    try:
        return _Walk(path, account).finds_a_way()
    except OSError:  # it went away meanwhile: somebody changes it
        return True


class _Walk:
    """Down a path from ``/``, through every link, as the kernel goes (path_resolution(7))."""

    def __init__(self, path: str, account: Account) -> None:
        self.account = account
        self.rest = _parts(path)
        self.at = "/"
        self.here = os.lstat("/")
        self.links = 0

    def finds_a_way(self) -> bool:
        """Is there a directory on the way, or an end, that the account can change?"""
        while self.rest:
            if self.here.st_uid == self.account.uid:
                return True
            if not stat.S_ISDIR(self.here.st_mode):
                return False  # nothing is below a file
            verdict = self._step(self.rest.pop(0))
            if verdict is not None:
                return verdict
        return self.at.startswith("/proc/") or _may(self.here, self.at, self.account, _WRITE)

    def _step(self, name: str) -> bool | None:
        """Go one name further; an answer where there is one already."""
        if name == "..":
            self.at = posixpath.dirname(self.at)
            self.here = os.lstat(self.at)
            return None
        child = posixpath.join(self.at, name)
        writable = _may(self.here, self.at, self.account, _WRITE)
        try:
            found = os.lstat(child)
        except OSError as exc:
            return writable or self._unseen(exc)
        sticky = self.here.st_mode & stat.S_ISVTX and found.st_uid != self.account.uid
        if writable and not sticky:
            return True
        if stat.S_ISLNK(found.st_mode):
            self.links += 1
            if self.links > _LINK_LIMIT or found.st_uid == self.account.uid:
                return True
            self._follow(str(Path(child).readlink()))
        else:
            self.at, self.here = child, found
        return None

    def _follow(self, target: str) -> None:
        self.rest = _parts(target) + self.rest
        if target.startswith("/"):
            self.at, self.here = "/", os.lstat("/")

    def _unseen(self, error: OSError) -> bool:
        """It could not be looked at: does that leave it to the account?"""
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        return _may(self.here, self.at, self.account, _SEARCH)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]


def _may(status: os.stat_result, path: str, account: Account, wanted: int) -> bool:
    """May the account write (2) or search (1) it, by mode or access list?"""
    if account.uid == status.st_uid:
        return True  # it can change the mode
    if status.st_mode & wanted:
        return True
    if status.st_gid in account.gids and status.st_mode >> 3 & wanted:
        return True
    if stat.S_ISLNK(status.st_mode):
        return False
    return _listed(path, account, wanted)


def _listed(path: str, account: Account, wanted: int) -> bool:
    try:
        data = os.getxattr(path, _ACL)
    except OSError as exc:
        return exc.errno not in (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOENT, errno.EPERM)
    entries = list(_ACL_ENTRY.iter_unpack(data[4:])) if len(data) % 8 == 4 else []
    mask = next((permission for tag, permission, _ in entries if tag == _ACL_MASK), 7)
    return any(
        permission & mask & wanted
        and (
            (tag == _ACL_USER and who == account.uid) or (tag == _ACL_GROUP and who in account.gids)
        )
        for tag, permission, who in entries
    )
