"""The slixmpp client of one account: TLS, and what slixmpp does on its own that we do otherwise."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import structlog
from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import StanzaBase

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.xmpp.before_tls import FEATURES, leads_to_tls
from nuketown_approval.xmpp.local_server import is_of_the_system
from nuketown_approval.xmpp.timing import LinkTiming

_DIRECT_TLS_PORTS = (443, 5223)
_DEEPEST = 50
"""Elements in each other; an archive's answer with a message in it has about ten."""
_NOTHING = "{urn:nuketown:stream}nothing"
_BIND_ORDER = 10000
"""slixmpp's, among the features of a stream."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AccountSettings:
    """Which account, and how its server is reached."""

    jid: str
    """Bare."""
    file: str
    """The configuration file, for sentences to people."""
    host: str | None = None
    port: int | None = None
    plain: bool = False
    """No TLS; refused when the server turns out not to be this machine."""
    ca_file: Path | None = None


class AccountClient(ClientXMPP):
    """One account's client, used for the life of the process (XEP-0198 keeps its state here).

    :param resource: one for ever: a new session replaces the one that a crash left on the server
    :param trust: from :func:`trust_of`
    :param plugins: slixmpp's names, in order
    :param plugin_config: beside what every account needs
    """

    def __init__(
        self,
        settings: AccountSettings,
        password: str,
        *,
        resource: str,
        trust: ssl.SSLContext,
        timing: LinkTiming,
        plugins: Iterable[str],
        plugin_config: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.plain = settings.plain
        super().__init__(
            f"{settings.jid}/{resource}",
            password,
            plugin_config={
                "feature_mechanisms": {
                    "unencrypted_plain": self.plain,
                    "unencrypted_scram": self.plain,
                },
                "xep_0184": {"auto_ack": False, "auto_request": False},
                "xep_0199": {
                    "keepalive": True,
                    "interval": timing.ping_s,
                    "timeout": timing.pong_s,
                },
                **plugin_config,
            },
            ssl_context=trust,
        )
        self.own = settings.jid
        """Bare JID of the account."""
        self.settings_file = settings.file
        self.online = asyncio.Event()
        """A session is up; stanzas are sent only then (slixmpp would keep them for later)."""
        self.session = 0
        """Counts sessions; a resumed one is the same."""
        self.violations = 0
        """Streams that the server ended because it did not like what we sent."""
        self._address_s = timing.address_s
        self._resolver: Any = None
        self._looked_at: Any = None
        self._protected = False
        self._choose_transport(settings)
        for plugin in plugins:
            self.register_plugin(plugin)
        self.unregister_feature("bind", _BIND_ORDER)
        self.register_feature("bind", self._bind, restart=True, order=_BIND_ORDER)
        self.add_event_handler("session_bind", self._count_anew)
        # Subscriptions are our decision.
        self.auto_authorize = None
        self.auto_subscribe = False

    def is_on_loopback(self) -> bool:
        """Is the other end of the connection this machine?"""
        peer: Any = self.transport.get_extra_info("peername") if self.transport else None
        return bool(peer and ipaddress.ip_address(peer[0]).is_loopback)

    def _is_protected(self) -> bool:
        """By TLS with the server's certificate, or by not leaving this machine."""
        transport: Any = self.transport
        if transport is None:
            return False
        if transport is not self._looked_at:
            self._looked_at = transport
            encrypted = transport.get_extra_info("ssl_object") is not None
            self._protected = encrypted or (self.plain and self._is_served_here())
        return self._protected

    def _is_served_here(self) -> bool:
        if not self.is_on_loopback():
            return False
        transport: Any = self.transport
        ends = [transport.get_extra_info(end)[:2] for end in ("peername", "sockname")]
        if not is_of_the_system(*ends):
            _log.error("xmpp_server_of_another_user", remedy='start the server; tls = "required"')
            return False
        return True

    def reconnect(self, wait: float = 0.0, reason: str = "Reconnecting") -> None:  # noqa: ARG002
        """Give the connection up; connecting again is :class:`~nuketown_approval.xmpp.link.Link`'s
        work.

        Called by slixmpp when a ping is not answered. No closing tag is sent: the session shall
        stay resumable.
        """
        self.disconnect_reason = reason
        self.abort()

    def abort(self) -> None:
        """End the connection at once; also one that is ending.

        slixmpp closes first, and asyncio's TLS (3.11) breaks when what was closed twice is aborted.
        """
        if self.transport is not None and self.transport.is_closing():
            self.cancel_connection_attempt()
            self.transport.abort()
        else:
            super().abort()

    async def start_tls(self) -> bool:
        """Begin TLS, unless the connection was given up meanwhile (nobody would end what began)."""
        if self.transport is None or self.transport.is_closing():
            return False
        return await super().start_tls()

    def exception(self, exception: Exception) -> None:
        """No exception of a handler is lost."""
        _log.error("xmpp_handler_failed", exc_info=exception)

    def incoming_filter(self, xml: ET.Element) -> ET.Element:
        """Let nothing in before TLS but what leads to it; and take out of a stanza what lies
        deeper than anything that means something.

        slixmpp copies and writes stanzas by recursion, and everybody can write one that is deeper
        than Python's stack.
        """
        if not (self._is_protected() or leads_to_tls(xml)):
            _log.warning("xmpp_not_protected", element=xml.tag)
            if xml.tag == FEATURES:
                self.event("no_auth")
            self.abort()
            return ET.Element(_NOTHING)
        level = [xml]
        for _ in range(_DEEPEST):
            level = [child for element in level for child in element]
        for element in level:
            element[:] = []
        return xml

    def recv_stanza(self, stanza: StanzaBase) -> None:
        """Handle a stanza; what fails at that is that stanza's end alone.

        slixmpp would lose the connection, and again at each resumption (XEP-0198), when the server
        sends the stanza once more.
        """
        try:
            super().recv_stanza(stanza)
        except Exception:  # noqa: BLE001
            _log.exception("xmpp_stanza_failed", sender=stanza.xml.get("from"))

    async def close(self) -> None:
        """End the connection, whatever state it is in, and slixmpp's own task."""
        self.cancel_connection_attempt()
        self.abort()
        sender = self._run_out_filters
        if sender is not None:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender

    def configure_dns(
        self, resolver: Any, domain: str | None = None, port: int | None = None
    ) -> None:
        """Keep what slixmpp made for this try."""
        super().configure_dns(resolver, domain, port)
        self._resolver = resolver

    async def get_dns_records(
        self, domain: str, port: int | None = None
    ) -> list[tuple[str, str, str, int]]:
        """Where the services of ``domain`` are; leaves no question open, whose answer would come
        after the end of the event loop.
        """
        try:
            return await super().get_dns_records(domain, port)
        finally:
            if self._resolver is not None:
                await self._resolver.close()
                self._resolver = None

    async def _attempt_connection(
        self,
        host: str,
        port: int,
        tls: bool,  # noqa: FBT001  (slixmpp's signature)
        server_hostname: str | None,
    ) -> bool:
        """Try each address of ``host``: one that never answers must not keep us from the next."""
        try:
            found = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as exc:
            self.event("connection_failed", f"{host}: {exc}")
            return False
        for *_, (address, *_) in found:
            try:
                async with asyncio.timeout(self._address_s):
                    if await super()._attempt_connection(str(address), port, tls, server_hostname):
                        return True
            except TimeoutError:
                self.event("connection_failed", f"{address} port {port} does not answer")
        return False

    def _handle_stream_error(self, error: Any) -> None:
        # slixmpp would follow a <see-other-host/> that anybody can write before TLS, and expect
        # the certificate of that host instead of ours (RFC 6120 §4.9.3.19).
        self.event("stream_error", error)

    async def _bind(self, features: Any) -> bool:
        """Ask for our resource (RFC 6120 §7); a refusal is the event ``bind_refused``."""
        feature: Any = self.plugin["feature_bind"]
        try:
            await feature._handle_bind_resource(features)  # noqa: SLF001
        except (IqError, IqTimeout) as exc:
            self.event("bind_refused", exc)
            return True
        return False

    def _count_anew(self, _: Any) -> None:
        # slixmpp does so only where the old session could have been resumed: with the count of
        # another session, the first acknowledgement would be taken for one of everything.
        management = self.plugin.get("xep_0198", None)
        if management is not None:
            management.seq = management.last_ack = 0

    def _choose_transport(self, settings: AccountSettings) -> None:
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


def trust_of(settings: AccountSettings) -> ssl.SSLContext:
    """Whom the connection trusts: ``ca_file`` alone where it is set, else the system's CAs.

    :raises ApprovalConfigError: ``ca_file`` can't be used
    """
    if settings.plain:
        # Never used; the system's CAs would only cost memory.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca_file = settings.ca_file
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as exc:
        raise ApprovalConfigError(
            f"{settings.file}: ca_file: {ca_file} has no certificates that can be read ({exc}): "
            "name a file with the server's CA in PEM form."
        ) from exc
