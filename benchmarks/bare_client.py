"""The client that the daemon is compared with: slixmpp, the same plugins, nothing else.

``python -m benchmarks.bare_client JID PASSWORD_FILE HOST PORT PLUGIN,PLUGIN…``: writes a line when
its session has started, and sends every chat message back to whom it came from.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

from slixmpp import ClientXMPP


class BareClient(ClientXMPP):
    """Online, and an echo."""

    def __init__(self, jid: str, password: str, plugins: list[str]) -> None:
        super().__init__(
            jid,
            password,
            plugin_config={
                "feature_mechanisms": {"unencrypted_plain": True, "unencrypted_scram": True},
                "xep_0199": {"keepalive": True},
            },
            # As the daemon's on a loopback server without TLS: no authorities are loaded.
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
        self.enable_direct_tls = False
        self.enable_starttls = False
        self.enable_plaintext = True
        for plugin in plugins:
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self._started)
        self.add_event_handler("message", self._echo)

    async def _started(self, _: Any) -> None:
        self.online()
        self.send_presence()
        await self.get_roster()
        await self.plugin["xep_0280"].enable()

    def online(self) -> None:
        """Tell whoever started this."""
        sys.stdout.write("online\n")
        sys.stdout.flush()

    def _echo(self, message: Any) -> None:
        if message["type"] == "chat" and message["body"]:
            message.reply(message["body"]).send()


async def main() -> None:
    """Be online until killed."""
    jid, password_file, host, port, plugins = sys.argv[1:]
    password = Path(password_file).read_text().strip()  # noqa: ASYNC240  (nothing runs yet)
    client = BareClient(jid, password, plugins.split(","))
    client.connect(host, int(port))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
