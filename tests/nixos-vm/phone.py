"""A person's chat client without a screen, for the stories in virtual machines.

What it hears is appended to DIRECTORY/heard, a line each: sender's bare JID, tab, what was said
with its line breaks as spaces. A line written to the FIFO DIRECTORY/say, bare JID, tab, text, is
said.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from slixmpp import JID, ClientXMPP
from slixmpp.stanza import Message


class Phone(ClientXMPP):
    """Online until the connection is lost."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        super().__init__(arguments.jid, arguments.password)
        self.ca_certs = arguments.trust
        self.enable_direct_tls = False
        self.auto_authorize = True
        self.priority = arguments.priority
        self.heard: Path = arguments.directory / "heard"
        self.say: Path = arguments.directory / "say"
        self.heard.touch()
        if not self.say.exists():
            os.mkfifo(self.say)
        for plugin in ("xep_0030", "xep_0198", "xep_0280"):
            self.register_plugin(plugin)
        self.saying: asyncio.Future[None] | None = None
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", self.hear)
        self.add_event_handler("carbon_received", self.hear_copy)

    async def start(self, _: object) -> None:
        """Be there; then say what is written to the FIFO."""
        await self.plugin["xep_0280"].enable()
        self.send_presence(ppriority=self.priority)
        descriptor = os.open(self.say, os.O_RDWR | os.O_NONBLOCK)  # a writer of its own: no EOF
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
        )
        self.saying = asyncio.ensure_future(self.say_all(reader))
        self.note(str(self.boundjid), "is online")

    async def say_all(self, lines: asyncio.StreamReader) -> None:
        """Say one line after the other."""
        async for line in lines:
            to, _, text = line.decode().rstrip("\n").partition("\t")
            self.send_message(JID(to), text, mtype="chat")

    def hear(self, message: Message) -> None:
        """Write down what somebody said."""
        if message["type"] in {"chat", "normal"} and message["body"]:
            self.note(message["from"].bare, message["body"])

    def hear_copy(self, message: Message) -> None:
        """Write down a copy of what another client of the account was told."""
        copied = message["carbon_received"]
        if message["from"].full == self.boundjid.bare and copied["body"]:
            self.note(copied["from"].bare, f"copy: {copied['body']}")

    def note(self, who: str, text: str) -> None:
        """Append a line."""
        with self.heard.open("a") as file:
            file.write(f"{who}\t{' '.join(text.split())}\n")


async def main() -> None:
    """Be online until the server is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jid", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--port", type=int, default=5222)
    parser.add_argument("--trust", type=Path, required=True, help="certificates")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--priority", type=int, default=0)
    arguments = parser.parse_args()
    phone = Phone(arguments)
    phone.connect(arguments.server, arguments.port)
    await phone.disconnected


if __name__ == "__main__":
    asyncio.run(main())
