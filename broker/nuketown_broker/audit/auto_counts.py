"""How often ``auto`` rules approved today, read back from the audit after a restart."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from pathlib import Path

from nuketown_approval.request import Kind
from nuketown_broker.audit.chain import BrokenLineError, parsed
from nuketown_broker.audit.files import audit_files, lines_of
from nuketown_broker.policy.rules import AutoKey


def auto_approvals(directory: Path, *, now: float | None = None) -> list[AutoKey]:
    """Agent, kind and what was asked for, once for each approval since midnight.

    :param now: Unix seconds
    """
    midnight = (
        datetime.fromtimestamp(time.time() if now is None else now)
        .astimezone()
        .replace(hour=0, minute=0, second=0, microsecond=0)
        .timestamp()
    )
    found: list[AutoKey] = []
    for path in reversed(audit_files(directory)):
        if path.stat().st_mtime < midnight:
            break
        for line in lines_of(path):
            if b'"rule":"auto"' not in line:
                continue
            with contextlib.suppress(BrokenLineError, KeyError, ValueError):
                record = parsed(line)
                if record["at"] >= midnight and record["result"] == "approved":
                    found.append((record["agent"], Kind(record["kind"]), record["wanted"]))
    return found
