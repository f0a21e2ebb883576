"""Heads of the chain in the systemd journal: what the broker's own files can't take back."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nuketown_approval.journald import Journald
from nuketown_broker.audit.chain import Head

_RUN_S = 60.0


def send_head(journald: Journald, head: Head, directory: Path) -> None:
    """Write an entry with the head's number and hash (docs/audit.md)."""
    journald.send(
        f"audit head {head.seq} {head.hash}",
        "info",
        {
            "audit": "head",
            "audit_seq": str(head.seq),
            "audit_hash": head.hash,
            "audit_directory": str(directory),
        },
    )


@dataclass(frozen=True)
class JournalHeads:
    """What the journal remembers."""

    heads: tuple[Head, ...]
    missing: str | None
    """Why nothing was found, where that is so."""


def read_heads(directory: Path, uid: int, *, journalctl: str = "journalctl") -> JournalHeads:
    """Heads of the audit in ``directory`` that a process of ``uid`` wrote to the journal.

    ``_UID`` is the journal's own field: no other user can write it (systemd.journal-fields(7)).
    """
    program = shutil.which(journalctl)
    if program is None:
        return JournalHeads((), "there is no journalctl here")
    argv = [
        program, "--quiet", "--no-pager", "--output=json", "--all",
        f"_UID={uid}", "NUKETOWN_AUDIT=head",
    ]  # fmt: skip
    try:
        run = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_RUN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return JournalHeads((), f"journalctl does not run ({exc})")
    if run.returncode:
        return JournalHeads((), "the journal can't be read here")
    heads = tuple(
        head for line in run.stdout.splitlines() if (head := _head(line, directory)) is not None
    )
    return JournalHeads(heads, None if heads else "the journal holds no head of this audit")


def _head(line: bytes, directory: Path) -> Head | None:
    try:
        entry = json.loads(line)
        if entry["NUKETOWN_AUDIT_DIRECTORY"] != str(directory):
            return None
        return Head(int(entry["NUKETOWN_AUDIT_SEQ"]), str(entry["NUKETOWN_AUDIT_HASH"]))
    except (ValueError, KeyError, TypeError):
        return None
