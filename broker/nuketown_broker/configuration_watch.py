"""The policy follows its file: a good new one is taken at once, a broken one never."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from nuketown_approval.errors import ApprovalConfigError
from nuketown_broker.configuration import Configuration, load

_log = structlog.get_logger(__name__)

POLL_S = 2.0
NEEDS_RESTART = (
    "role", "jid", "password_file", "human_jid", "human_password_file", "socket",
    "state_directory", "host", "port", "tls", "ca_file", "signing_key_file", "approver_key",
    "approval_jid",
)  # fmt: skip
"""Keys that only a restart changes; the rest is taken as it is read."""

_Seen = tuple[int, int, int, int, int] | None


async def watch(
    path: Path,
    current: Configuration,
    changed: Callable[[Configuration], Awaitable[None]],
    *,
    poll_s: float = POLL_S,
) -> None:
    """Call ``changed`` with each new configuration, until cancelled.

    A file that can't be used keeps the old policy, and the journal says so until it is mended.
    The file is looked at and not watched with inotify, because on NixOS a link far above it
    changes and not the file.

    :param poll_s: seconds between looks
    """
    seen: _Seen | str = "not looked at"  # it may have changed since ``current`` was read
    while True:
        await asyncio.sleep(poll_s)
        now = await asyncio.to_thread(_look, path)
        if now == seen:
            continue
        seen = now
        try:
            new = await asyncio.to_thread(load, path)
        except ApprovalConfigError as exc:
            _log.error("policy_not_taken", problem=str(exc), effect="the old policy stays")
            continue
        if new == current:
            continue
        if fixed := [key for key in NEEDS_RESTART if getattr(new, key) != getattr(current, key)]:
            _log.warning("policy_needs_restart", keys=fixed)
        current = new
        await changed(new)
        _log.info("policy_taken", file=str(path), agents=sorted(new.agents))


def _look(path: Path) -> _Seen:
    """What changes when the file does: links followed."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
