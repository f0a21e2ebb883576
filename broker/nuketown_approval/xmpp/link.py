"""The stream's life: connect, negotiate, notice the end, wait, again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from slixmpp.features.feature_mechanisms import FeatureMechanisms
from slixmpp.xmlstream.xmlstream import NotConnectedError

from nuketown_approval.xmpp.backoff import Backoff, jittered
from nuketown_approval.xmpp.client import AccountClient
from nuketown_approval.xmpp.timing import LinkTiming

_STABLE_S = 60.0
"""A session that lasted so long makes the next failure a first one, in seconds."""

_log = structlog.get_logger(__name__)


class _SaidOtherwise(logging.Filter):
    """Keeps out of the log what slixmpp says at every try and we say once, in a sentence; and the
    traceback of each stanza that met the end of a connection: what must arrive is sent again.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        lost = record.exc_info and isinstance(record.exc_info[1], NotConnectedError)
        return not lost and record.msg not in _SAID_OTHERWISE


_SAID_OTHERWISE = ("No appropriate login method.", "CERT: Invalid certificate trust chain.")
_FILTER = _SaidOtherwise()


class SessionUp(Protocol):
    """Told when a session is up."""

    def __call__(self, *, resumed: bool) -> None:
        """``resumed``: it is the one from before (XEP-0198 §5)."""


class Link:
    """Keeps ``client`` connected.

    :param up: called in the event loop, before anything of the session is read
    """

    def __init__(self, client: AccountClient, timing: LinkTiming, *, up: SessionUp) -> None:
        self._client = client
        self._timing = timing
        self._up = up
        self._changed = asyncio.Event()
        self._down = True
        self._bound = False
        self._refusal: str | None = None
        """Why this try can't succeed, where trying again soon is pointless."""
        self.problem: str | None = None
        """The refusal that was reported last; None since a session was up."""
        handlers: dict[str, Callable[[Any], None]] = {
            "connected": self._on_connected,
            "session_start": self._on_bound,
            "stream_negotiated": self._on_negotiated,
            "session_resumed": lambda _: self._on_up(resumed=True),
            "disconnected": self._on_down,
            "failed_auth": self._on_failed_auth,
            "no_auth": self._on_no_auth,
            "bind_refused": self._on_bind_refused,
            "ssl_invalid_chain": self._on_untrusted,
            "connection_failed": self._on_connection_failed,
            "stream_error": self._on_stream_error,
        }
        for name, handler in handlers.items():
            client.add_event_handler(name, handler)
        for module in (NotConnectedError.__module__, FeatureMechanisms.__module__):
            logging.getLogger(module).addFilter(_FILTER)

    async def run(self) -> None:
        """Connect, and connect again, for ever."""
        backoff = Backoff(self._timing.first_retry_s, self._timing.longest_retry_s)
        clock = asyncio.get_running_loop().time
        while True:
            self._refusal = None
            lasted_s = await self._connect_once(clock)
            if lasted_s > _STABLE_S:
                backoff.reset()
            if self._refusal is not None:
                self._report(self._refusal)
                delay_s = jittered(self._timing.refused_retry_s)
            else:
                delay_s = backoff.next_s()
            _log.info("xmpp_offline", retry_in_s=round(delay_s, 1))
            await asyncio.sleep(delay_s)

    async def _connect_once(self, clock: Callable[[], float]) -> float:
        """One connection, from its beginning to its end; how long its session was up, in s."""
        client = self._client
        self._down = self._bound = False
        host, port = client.address_override
        attempt = client.connect(host, port)
        # Not awaited itself: slixmpp cancels it when something else ends the connection.
        await asyncio.wait({attempt}, timeout=self._timing.connect_s)
        connected = attempt.done() and not attempt.cancelled() and attempt.exception() is None
        if not connected or attempt.result() is not None:
            if attempt.done() and not attempt.cancelled() and attempt.exception() is not None:
                _log.error("xmpp_connection_failed", exc_info=attempt.exception())
            attempt.cancel()
            client.cancel_connection_attempt()
            client.abort()
            return 0.0
        try:
            async with asyncio.timeout(self._timing.negotiate_s):
                await self._until(lambda: client.online.is_set() or self._down)
        except TimeoutError:
            _log.warning("xmpp_negotiation_timeout")
            client.abort()
            await self._see_end()
        began = clock()
        await self._until(lambda: self._down)
        return clock() - began

    async def _see_end(self) -> None:
        """See the connection end; asyncio tells nobody where its TLS handshake was under way."""
        try:
            async with asyncio.timeout(self._timing.leave_s):
                await self._until(lambda: self._down)
        except TimeoutError:
            self._client.connection_lost(None)

    async def _until(self, check: Callable[[], bool]) -> None:
        while not check():
            self._changed.clear()
            await self._changed.wait()

    def _report(self, refusal: str) -> None:
        if refusal != self.problem:
            _log.error("xmpp_refused", reason=refusal)
        self.problem = refusal

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        self._client.abort()

    def _on_connected(self, _: Any) -> None:
        # The transport is set after this event (slixmpp 1.17): look at it a moment later.
        asyncio.get_running_loop().call_soon(self._check_loopback)

    def _check_loopback(self) -> None:
        if self._client.plain and self._client.is_connected() and not self._client.is_on_loopback():
            self._refuse(
                f'{self._client.settings_file}: tls = "off-loopback-only" but host is another '
                'machine: set tls = "required".'
            )

    def _on_bound(self, _: Any) -> None:
        self._bound = True

    def _on_negotiated(self, _: Any) -> None:
        # After session_start the server is asked for stream management; only then it is up.
        if self._bound:
            self._on_up(resumed=False)

    def _on_up(self, *, resumed: bool) -> None:
        client = self._client
        if self._down or client.online.is_set():
            return
        client.online.set()
        client.session += not resumed
        # What was refused on the way (another mechanism, another address) says nothing any more.
        self._refusal = self.problem = None
        _log.info("xmpp_online", jid=client.boundjid.full, resumed=resumed)
        self._changed.set()
        self._up(resumed=resumed)

    def _on_down(self, reason: Any) -> None:
        if self._client.online.is_set():
            _log.info("xmpp_connection_lost", reason=str(reason or "closed"))
        self._client.online.clear()
        self._down = True
        self._changed.set()

    def _on_failed_auth(self, failure: Any) -> None:
        if failure["condition"] == "temporary-auth-failure":
            return
        self._refusal = (
            f"The server refuses the password of {self._client.own} ({failure['condition']}): "
            f"put the right one into the password file that {self._client.settings_file} names, "
            "and restart."
        )

    def _on_no_auth(self, _: Any) -> None:
        self._refusal = self._refusal or (
            f"The server offers no login that is safe for {self._client.own}: "
            "it has to offer TLS (or set tls for a server on loopback), and SCRAM or PLAIN."
        )

    def _on_bind_refused(self, error: Any) -> None:
        # Tried again as usual: the session in the way may be our own that the server still keeps.
        condition = error.condition
        self._report(
            f"The server gives {self._client.requested_jid.full} no session ({condition}): "
            "stop the other program that uses this account, or let the server end old sessions."
        )
        self._client.abort()

    def _on_untrusted(self, error: Any) -> None:
        if _is_about_certificate(error):
            self._refuse(self._untrusted(error))
        else:
            _log.warning("xmpp_tls_failed", reason=str(error)[:200])
            self._client.abort()

    def _on_connection_failed(self, error: Any) -> None:
        if _is_about_certificate(error):
            self._refusal = self._untrusted(error)
        else:
            _log.info("xmpp_connection_failed", reason=str(error))

    def _on_stream_error(self, error: Any) -> None:
        condition = error["condition"]
        _log.warning("xmpp_stream_error", condition=condition, text=str(error["text"])[:200])
        self._client.violations += condition == "policy-violation"
        if condition == "conflict":
            self._refusal = (
                f"Another client took over {self._client.boundjid.full}: "
                "stop the second program that uses this account."
            )

    def _untrusted(self, error: Any) -> str:
        return (
            f"The server's certificate is not trusted ({str(error)[:200]}): set ca_file in "
            f"{self._client.settings_file} to the CA that signed it, or mend the certificate."
        )


def _is_about_certificate(error: Any) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
