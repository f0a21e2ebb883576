"""What accepting a task is compared with: a line in, a row on disk, a line out.

``python -m benchmarks.bare_journal SOCKET DATABASE``: one process, SQLite in WAL mode, every row a
commit with synchronous=FULL, as the daemon's journal does it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time


async def main() -> None:
    """Serve until killed."""
    socket, database = sys.argv[1:]
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, request TEXT, created REAL)")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.dumps(json.loads(line))
            row = (request, time.time())
            cursor = connection.execute("INSERT INTO tasks (request, created) VALUES (?, ?)", row)
            reply = {"ok": True, "task": {"id": cursor.lastrowid, "request": request}}
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, socket) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
