"""The real ``nuketown-broker`` as another user: ``python tests/broker_process.py UID ARGUMENTS…``.

The uid changes before anything is read; a virtual environment that only root can enter still works.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


@contextmanager
def broker_process(
    file: Path, socket: Path, *, uid: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A broker in a process of its own, listening."""
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "broker")))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(uid), "--config", str(file)],
            env={"PATH": os.environ["PATH"], "HOME": str(file.parent), "PYTHONPATH": path},
            stdout=output,
            stderr=output,
        )
    with process:
        try:
            deadline = time.monotonic() + 20
            while b"event=ready" not in log.read_bytes():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            process.wait(20)


def _main() -> int:
    uid = int(sys.argv[1])
    from nuketown_broker import app  # noqa: F401, PLC0415  (readable by root alone)
    from nuketown_broker.__main__ import main  # noqa: PLC0415

    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    return main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(_main())
