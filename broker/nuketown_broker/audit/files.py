"""The files of the audit: one after another, the newest is appended to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from nuketown_broker.audit.chain import BrokenLineError, Head, parsed

_NAME = re.compile(r"audit-(\d{6,})\.jsonl")
_BLOCK = 64 * 1024


def audit_files(directory: Path) -> list[Path]:
    """The files that are there, oldest first.

    :raises OSError: the directory can't be read
    """
    found = [
        (int(match[1]), path)
        for path in directory.iterdir()
        if (match := _NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]


def file_after(path: Path | None, directory: Path) -> Path:
    """The file that follows ``path`` (None: the first)."""
    match = _NAME.fullmatch(path.name) if path else None
    return directory / f"audit-{int(match[1]) + 1 if match else 1:06}.jsonl"


def lines_of(path: Path) -> Iterator[bytes]:
    """Lines without their newlines; the last may have been cut by a crash.

    :raises OSError: it can't be read
    """
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def last_head(path: Path) -> tuple[Head | None, bool]:
    """Where the chain ends in this file, and whether it ends there cleanly.

    Not clean: the last line was cut by a crash, or changed.

    :raises OSError: it can't be read
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        data = b""
        while end > 0 and data.count(b"\n") < 2:
            start = max(0, end - _BLOCK)
            file.seek(start)
            data = file.read(end - start) + data
            end = start
    if data.endswith(b"\n"):
        head = _head(data[:-1].rpartition(b"\n")[2])
        if head is not None:
            return head, True
    heads = [head for line in lines_of(path) if (head := _head(line)) is not None]
    return heads[-1] if heads else None, False


def _head(line: bytes) -> Head | None:
    try:
        record = parsed(line)
    except BrokenLineError:
        return None
    return Head(record["seq"], record["hash"])
