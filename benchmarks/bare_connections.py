"""Several bare clients in one process: what the broker, with its accounts, is compared with.

``python -m benchmarks.bare_connections HOST PORT PLUGIN,… JID PASSWORD_FILE [JID PASSWORD_FILE …]``
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.bare_client import BareClient


async def main() -> None:
    """Be online until killed."""
    host, port, plugins, *accounts = sys.argv[1:]
    clients = []
    for jid, file in zip(accounts[::2], accounts[1::2], strict=True):
        password = Path(file).read_text().strip()  # noqa: ASYNC240  (nothing runs yet)
        clients.append(BareClient(jid, password, plugins.split(",")))
        clients[-1].connect(host, int(port))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
