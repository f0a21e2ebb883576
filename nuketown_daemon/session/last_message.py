"""The last thing that was said, from the transcript Claude Code keeps (a file of JSON lines)."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

_TAIL = 512 * 1024


def last_message(path: Path) -> str:
    """Return the last text the model said, from the end of the transcript; empty: none found.

    The path comes from a hook, so it is only read where it is a regular file, and bounded.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return ""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return ""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, status.st_size - _TAIL))
        lines = file.read(_TAIL).splitlines()
    for line in reversed(lines):
        text = _said(line)
        if text:
            return text
    return ""


def _said(line: bytes) -> str:
    try:
        entry: Any = json.loads(line)
        if entry["type"] != "assistant" or entry.get("isSidechain"):
            return ""
        blocks = entry["message"]["content"]
        return "\n".join(b["text"] for b in blocks if b.get("type") == "text").strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
