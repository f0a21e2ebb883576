"""A process that runs one headless session, so that a test can kill it like a daemon.

``python -m tests.session_child FILE``: FILE is JSON with ``job``, ``configuration``, ``state``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.session.contract import SessionControl, SessionJob
from nuketown_daemon.session.headless import HeadlessSession
from tests.harness_fixture import Harness, Notes


def write_orders(path: Path, harness: Harness, job: SessionJob) -> None:
    """Write what the child is to do."""
    orders = {
        "job": {**asdict(job), "workspace": str(job.workspace)},
        "configuration": harness.configuration.model_dump(mode="json"),
        "state": str(harness.state),
    }
    path.write_text(json.dumps(orders))


async def main(orders: dict) -> None:
    job = SessionJob(**{**orders["job"], "workspace": Path(orders["job"]["workspace"])})
    configuration = Configuration(**orders["configuration"])
    session = HeadlessSession(configuration, Path(orders["state"]))
    await session.run(job, SessionControl(), Notes())


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
