"""The slixmpp client: plugins, TLS, and what slixmpp does on its own that we do otherwise."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from contextlib import suppress
from typing import Any

import structlog
from slixmpp import ClientXMPP

from nuketown_daemon import __version__
from nuketown_daemon.configuration import Identity, Xmpp
from nuketown_daemon.errors import ConfigError

RESOURCE = "nuketown"
"""One resource for ever: a new session replaces the one that a crash left on the server, so that
what the old one still had in flight can't arrive after we asked the archive for it."""

PLUGINS = (
    "xep_0030",  # service discovery
    "xep_0115",  # entity capabilities; before what depends on it, or its settings are not read
    "xep_0045",  # rooms
    "xep_0085",  # chat states
    "xep_0092",  # software version
    "xep_0172",  # nickname
    "xep_0184",  # receipts
    "xep_0198",  # stream management
    "xep_0199",  # ping
    "xep_0203",  # delayed delivery
    "xep_0280",  # carbons
    "xep_0308",  # correction
    "xep_0313",  # archive
    "xep_0334",  # hints
    "xep_0359",  # stanza and origin ids
    "xep_0439",  # quick responses
    "xep_0461",  # replies
)

_DIRECT_TLS_PORTS = (443, 5223)
_log = structlog.get_logger(__name__)


class AgentClient(ClientXMPP):
    """One account's client, used for the life of the daemon (XEP-0198 keeps its state here).

    :param trust: from :func:`trust_of`
    :param ping_s: between keepalive pings, in seconds
    :param pong_s: for the answer, in seconds
    """

    def __init__(
        self,
        settings: Xmpp,
        identity: Identity,
        password: str,
        *,
        trust: ssl.SSLContext,
        ping_s: float,
        pong_s: float,
    ) -> None:
        self.plain = settings.tls == "off-loopback-only"
        super().__init__(
            f"{settings.jid}/{RESOURCE}",
            password,
            plugin_config={
                "feature_mechanisms": {
                    "unencrypted_plain": self.plain,
                    "unencrypted_scram": self.plain,
                },
                "xep_0092": {"software_name": "Nuketown", "version": __version__, "os": ""},
                "xep_0115": {"caps_node": "urn:nuketown:daemon"},
                "xep_0184": {"auto_ack": False, "auto_request": False},
                "xep_0199": {"keepalive": True, "interval": ping_s, "timeout": pong_s},
            },
            ssl_context=trust,
        )
        self.own = settings.jid
        """Bare JID of the account."""
        self.online = asyncio.Event()
        """A session is up; stanzas are sent only then (slixmpp would keep them for later)."""
        self.session = 0
        """Counts sessions; a resumed one is the same."""
        self._choose_transport(settings)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.plugin["xep_0030"].add_identity("client", "bot", name=f"{identity.name} (Nuketown)")
        # Subscriptions are our decision (roster.py).
        self.auto_authorize = None
        self.auto_subscribe = False

    @property
    def stream_management(self) -> Any:
        """The XEP-0198 plugin."""
        return self.plugin["xep_0198"]

    def is_on_loopback(self) -> bool:
        """Is the other end of the connection this machine?"""
        peer: Any = self.transport.get_extra_info("peername") if self.transport else None
        return bool(peer and ipaddress.ip_address(peer[0]).is_loopback)

    def reconnect(self, wait: float = 0.0, reason: str = "Reconnecting") -> None:  # noqa: ARG002
        """Give the connection up; connecting again is :class:`Connection`'s work.

        Called by slixmpp when a ping is not answered. No closing tag is sent: the session shall
        stay resumable.
        """
        self.disconnect_reason = reason
        self.abort()

    def exception(self, exception: Exception) -> None:
        """No exception of a handler is lost."""
        _log.error("xmpp_handler_failed", exc_info=exception)

    async def close(self) -> None:
        """End the connection, whatever state it is in, and slixmpp's own task."""
        self.cancel_connection_attempt()
        self.abort()
        sender = self._run_out_filters
        if sender is not None:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender

    def _choose_transport(self, settings: Xmpp) -> None:
        # Without an address of ours, DNS says which services there are (XEP-0368, RFC 6120 §3.2).
        named = settings.host is not None or settings.port is not None
        direct = not named or settings.port in _DIRECT_TLS_PORTS
        self.enable_plaintext = self.plain
        self.enable_direct_tls = direct and not self.plain
        self.enable_starttls = not self.plain and (not named or not direct)
        self.address_override: tuple[str, int] | tuple[None, None] = (None, None)
        if named:
            self.address_override = (
                settings.host or settings.jid.partition("@")[2],
                settings.port or 5222,
            )


def trust_of(settings: Xmpp) -> ssl.SSLContext:
    """Whom the connection trusts: ``ca_file`` alone where it is set, else the system's CAs.

    :raises ConfigError: ``ca_file`` can't be used
    """
    if settings.tls == "off-loopback-only":
        # Never used; the system's CAs would only cost memory.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca_file = settings.ca_file
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(
            f"xmpp.toml: ca_file: {ca_file} has no certificates that can be read ({exc}): "
            "name a file with the server's CA in PEM form."
        ) from exc
