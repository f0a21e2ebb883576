"""What Claude Code's hooks run: tell the daemon what happened in a session.

``python -I -S hook_command.py --socket PATH --spool DIRECTORY --conversation ID`` reads the hook's
JSON from standard input (code.claude.com/docs/en/hooks) and sends ``{"op": "hook", "report": {…}}``
to the daemon, with the id that Claude Code was started with.
Where the daemon is away the report is left in the spool directory, which it reads when it starts.
It starts fast (a few modules of the standard library), never holds Claude up for more than two
seconds, prints nothing and always exits 0: a hook that fails must not disturb the work.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import time

_INPUT_LIMIT = 8 * 1024 * 1024
_REPLY_LIMIT = 64 * 1024
_DEADLINE_S = 1.5
_SPOOL_LIMIT = 1000
"""Reports kept while the daemon is away; the rest is dropped rather than filling the disk."""

# Characters kept of each field; the daemon compares prompts by their beginning.
_FIELDS = {
    "session_id": 100,
    "hook_event_name": 100,
    "prompt_id": 100,
    "transcript_path": 4096,
    "cwd": 4096,
    "message": 4000,
    "notification_type": 100,
    "reason": 1000,
    "error": 1000,
    "last_assistant_message": 20000,
    "prompt": 16000,
}

_BACKGROUND_FIELDS = {"id": 100, "description": 200}
_BACKGROUND_LIMIT = 50


def main(arguments: list[str]) -> int:
    """Report; the exit code is 0 whatever happens."""
    # A hook must never fail in Claude's sight; what went wrong is in the spool or nowhere.
    with contextlib.suppress(Exception):
        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        report = _read(sys.stdin.buffer.read(_INPUT_LIMIT + 1))
        if report is not None and "--conversation" in options:
            report["conversation"] = options["--conversation"]
        if report is not None and not _send(options["--socket"], report):
            _spool(options["--spool"], report)
    return 0


def _read(data: bytes) -> dict[str, object] | None:
    """Return the fields of a report that the daemon knows, cut; None for anything else."""
    if len(data) > _INPUT_LIMIT:
        return None
    report = json.loads(data)
    if not isinstance(report, dict) or not isinstance(report.get("session_id"), str):
        return None
    known: dict[str, object] = dict(_cut(report, _FIELDS))
    running = report.get("background_tasks")
    if isinstance(running, list):
        tasks = [_cut(task, _BACKGROUND_FIELDS) for task in running if isinstance(task, dict)]
        known["background_tasks"] = [task for task in tasks if "id" in task][:_BACKGROUND_LIMIT]
    return known


def _cut(fields: dict[str, object], limits: dict[str, int]) -> dict[str, str]:
    found = ((name, fields.get(name), limit) for name, limit in limits.items())
    return {name: text[:limit] for name, text, limit in found if isinstance(text, str)}


def _send(path: str, report: dict[str, object]) -> bool:
    """Did the daemon of our own user take the report, or answer that it doesn't want it?"""
    deadline = time.monotonic() + _DEADLINE_S
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_DEADLINE_S)
            connection.connect(path)
            credentials = connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
            if struct.unpack("3i", credentials)[1] != os.geteuid():
                return False
            request = json.dumps({"op": "hook", "report": report}, ensure_ascii=False)
            connection.sendall(request.encode("utf-8", "replace") + b"\n")
            reply = b""
            while b"\n" not in reply and len(reply) < _REPLY_LIMIT:
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                part = connection.recv(4096)
                if not part:
                    return False
                reply += part
            return b"\n" in reply
    except OSError:
        return False


def _spool(directory: str, report: dict[str, object]) -> None:
    """Leave the report for the daemon, whole or not at all, named in order of time."""
    os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103 - pathlib costs start time
    if len(os.listdir(directory)) >= _SPOOL_LIMIT:  # noqa: PTH208
        return
    name = os.path.join(directory, f"{time.time_ns():020}-{os.getpid()}")  # noqa: PTH118
    descriptor = os.open(f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(report, file)
    os.rename(f"{name}.part", f"{name}.json")  # noqa: PTH104


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
