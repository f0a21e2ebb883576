"""The demo's scripted model at a port of one's choice: ``model.py PORT``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from urllib.parse import urlsplit

from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.scripted_model import demo_script


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Everything from one end to the other, and then the end."""
    with suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


async def main(port: int) -> None:
    """Serve until killed."""
    async with MessagesApi(demo_script) as api:
        inside = urlsplit(api.url)

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection(inside.hostname, inside.port)
            await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

        server = await asyncio.start_server(pass_on, "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
