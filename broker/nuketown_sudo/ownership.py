"""Can only root change a file? It, every directory above, and every link on the way."""

from __future__ import annotations

import os
import stat

_LINKS = 40  # as the kernel: path_resolution(7)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH  # an access list shows here too: acl(5), mask


def only_root_can_change(path: str | bytes, *, kind: int = stat.S_IFREG) -> bool:
    """Follow ``path`` as the kernel would and look at everything that decides where it leads.

    A directory that a group may write counts as root's if it is sticky and what is taken from it
    is root's own: there the group can add, but not replace (the Nix store).

    :param kind: what must stand at the end, as a file type of stat(2)
    :return: False too where something is missing or unreadable
    """
    try:
        return _follow(os.fsencode(path), kind, {0})
    except OSError:
        return False


def only_these_can_change(path: str, owners: set[int], *, kind: int) -> bool:
    """The same, with more owners than root."""
    try:
        return _follow(os.fsencode(path), kind, owners)
    except OSError:
        return False


def _follow(path: bytes, kind: int, owners: set[int]) -> bool:
    if not path.startswith(b"/"):
        return False
    pending = path.split(b"/")[::-1]
    here = b"/"
    links = 0
    while pending:
        name = pending.pop()
        if name in (b"", b"."):
            continue
        if not _is_theirs(os.lstat(here), owners):
            return False
        there = os.path.dirname(here) if name == b".." else os.path.join(here, name)
        status = os.lstat(there)
        if not stat.S_ISLNK(status.st_mode):
            here = there  # no link is left in it, so ".." is its directory
            continue
        links += 1
        if links > _LINKS or status.st_uid not in owners:
            return False
        target = os.readlink(there)
        pending.extend(target.split(b"/")[::-1])
        if target.startswith(b"/"):
            here = b"/"
    status = os.lstat(here)
    return _is_theirs(status, owners) and stat.S_IFMT(status.st_mode) == kind


def _is_theirs(status: os.stat_result, owners: set[int]) -> bool:
    if status.st_uid not in owners:
        return False
    writable = status.st_mode & _OTHERS_WRITE
    if not writable:
        return True
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    return bool(sticky) and not writable & stat.S_IWOTH
