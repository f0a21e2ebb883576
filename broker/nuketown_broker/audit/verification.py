"""``nuketown audit verify``: does the chain hold, and does the journal remember the same?"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nuketown_broker.audit.chain import GENESIS, BrokenLineError, Head, parsed
from nuketown_broker.audit.files import audit_files, lines_of
from nuketown_broker.audit.journal_heads import JournalHeads, read_heads

ReadHeads = Callable[[Path, int], JournalHeads]


@dataclass
class Verification:
    """What was found."""

    head: Head = field(default_factory=Head)
    records: int = 0
    files: int = 0
    faults: list[str] = field(default_factory=list)
    """Each is one sentence; none: the trail is whole as far as can be seen."""
    notes: list[str] = field(default_factory=list)
    """What could not be checked, and what was not wrong but odd."""
    heads_checked: int = 0


def verify(directory: Path, *, read: ReadHeads = read_heads) -> Verification:
    """Check every line of every file against the one before, and the journal's heads.

    :raises OSError: the directory or a file in it can't be read
    """
    found = Verification()
    files = audit_files(directory)
    if not files:
        found.notes.append(f"there is no audit in {directory}")
    hashes: dict[int, str] = {}
    for path in files:
        found.files += 1
        _check_mode(path, found)
        _check_file(path, found, hashes)
    _check_heads(read(directory, directory.stat().st_uid), found, hashes)
    return found


def _check_mode(path: Path, found: Verification) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        found.faults.append(f"{path.name} is not a regular file")
    elif status.st_mode & 0o077 or status.st_uid != path.parent.stat().st_uid:
        found.faults.append(
            f"{path.name} can be read or changed by others (uid {status.st_uid}, mode "
            f"{stat.S_IMODE(status.st_mode):04o})"
        )


def _check_file(path: Path, found: Verification, hashes: dict[int, str]) -> None:
    before = found.head
    lines = list(lines_of(path))
    for number, line in enumerate(lines, start=1):
        where = f"{path.name}, line {number}"
        try:
            record = parsed(line)
        except BrokenLineError as exc:
            if number == len(lines) and str(exc) == "is not JSON":
                # What follows in the next file must still fit the record before.
                found.notes.append(f"{where} was cut: the broker was killed while writing it")
            else:
                found.faults.append(f"{where} {exc}")
            continue
        head = Head(record["seq"], record["hash"])
        if found.records == 0 and record["prev"] != GENESIS:
            if record["event"] == "file":
                found.notes.append(f"the records before {head.seq} are not here any more")
            else:
                found.faults.append(f"{where}: the beginning of the file is missing")
        elif found.records and (record["prev"], head.seq) != (before.hash, before.seq + 1):
            found.faults.append(
                f"{where}: record {head.seq} does not follow record {before.seq}: something "
                "between them was removed, added or changed"
            )
        before = found.head = head
        hashes[head.seq] = head.hash
        found.records += 1


def _check_heads(journal: JournalHeads, found: Verification, hashes: dict[int, str]) -> None:
    if journal.missing is not None:
        found.notes.append(f"not compared with the journal: {journal.missing}")
    oldest = min(hashes, default=0)
    for head in journal.heads:
        if head.seq < oldest:
            continue
        found.heads_checked += 1
        if head.seq > found.head.seq:
            found.faults.append(
                f"the journal has seen record {head.seq}, and the audit ends at {found.head.seq}: "
                "its end was cut off"
            )
        elif hashes.get(head.seq) != head.hash:
            found.faults.append(
                f"record {head.seq} is not the one that the journal has seen: the audit was "
                "replaced"
            )
