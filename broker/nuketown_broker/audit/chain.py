"""Records of the audit and how each holds on to the one before (docs/audit.md). Pure.

A line is canonical JSON in ASCII: keys sorted, no spaces, so that no character in it can end a
line or move a cursor. ``hash`` is SHA-256 over the line without it; ``prev`` is the ``hash`` of the
record before, also across files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""``prev`` of the very first record."""


@dataclass(frozen=True)
class Head:
    """The end of a chain: number and hash of its last record."""

    seq: int = 0
    hash: str = GENESIS


def chained(head: Head, at: float, event: str, fields: dict[str, Any]) -> tuple[bytes, Head]:
    """Make the line that follows ``head``, with its newline, and the head it makes.

    :param at: Unix seconds
    """
    record = {**fields, "seq": head.seq + 1, "at": round(at, 3), "event": event, "prev": head.hash}
    digest = _hash(record)
    return _line({**record, "hash": digest}) + b"\n", Head(head.seq + 1, digest)


class BrokenLineError(ValueError):
    """A line that this module did not write; its text says what is wrong."""


def parsed(line: bytes) -> dict[str, Any]:
    """Read one line, without its newline, as it was written.

    :raises BrokenLineError: it is not JSON, or any byte of it was changed
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise BrokenLineError("is not JSON") from exc
    if not isinstance(record, dict) or not isinstance(record.get("seq"), int):
        raise BrokenLineError("is not a record")
    if _line(record) != line:
        raise BrokenLineError("was rewritten")
    if _hash({key: value for key, value in record.items() if key != "hash"}) != record.get("hash"):
        raise BrokenLineError("does not have the hash it claims")
    return record


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _hash(record: dict[str, Any]) -> str:
    return hashlib.sha256(_line(record)).hexdigest()
