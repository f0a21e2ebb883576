"""Asking a broker by stanza, where none is on this machine (docs/protocol-stanzas.md)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from slixmpp.stanza import Message

from nuketown_approval.errors import (
    ApprovalProtocolError,
    ApprovalTimeout,
    ApprovalUnavailable,
)
from nuketown_approval.seldom import Seldom
from nuketown_approval.xmpp.forwarded import sender_of
from nuketown_daemon.xmpp.client import AgentClient

# What a request is, is known when one is made: it costs a start (nuketown_daemon/approvals.py).
if TYPE_CHECKING:
    from nuketown_approval.request import ApprovalRequest
    from nuketown_approval.verdict import Verdict

_LATE_S = 5.0
_ANY = "{urn:nuketown:approval}*"
_log = structlog.get_logger(__name__)


@dataclass
class _Asked:
    request: ApprovalRequest
    verdict: asyncio.Future[Verdict]


class ApprovalRequests:
    """Requests to ``approval_jid`` of xmpp.toml, and its responses.

    :param account: bare JID that is asked; only its responses count
    """

    def __init__(self, client: AgentClient, account: str | None) -> None:
        self._client = client
        self._account = account
        self._asked: dict[str, _Asked] = {}
        self._seldom = Seldom()

    async def ask(self, request: ApprovalRequest) -> Verdict:
        """Ask, and wait for the response; cancelling withdraws the request.

        :raises ApprovalUnavailable: nobody can be asked
        :raises ApprovalTimeout: no response in the request's time
        """
        if self._account is None:
            raise ApprovalUnavailable("nobody can be asked: set approval_jid in xmpp.toml.")
        if not self._client.online.is_set():
            raise ApprovalUnavailable("nobody can be asked while XMPP is down.")
        asked = _Asked(request, asyncio.get_running_loop().create_future())
        self._asked[request.id] = asked
        try:
            self._stanza(self._account, request).send()
            async with asyncio.timeout(request.timeout + _LATE_S):
                return await asked.verdict
        except TimeoutError as exc:
            self._withdraw(request)
            raise ApprovalTimeout("nobody answered in time: denied.") from exc
        except asyncio.CancelledError:
            self._withdraw(request)
            raise
        finally:
            del self._asked[request.id]
            asked.verdict.cancel()

    def take(self, stanza: Message) -> bool:
        """Look at a message; True: it is a response (or pretends to be), and nobody else's."""
        if stanza.xml.find(_ANY) is None:
            return False
        from nuketown_approval import stanza as payloads  # noqa: PLC0415

        elements = stanza.xml.findall(payloads.RESPONSE)
        if not elements:
            return False
        sender = sender_of(stanza)
        if sender is None or sender.bare != self._account or stanza.xml.get("type") == "error":
            if self._seldom.due("a stranger", time.monotonic()):
                _log.warning("a response of somebody who was not asked", sender=str(sender))
            return True
        try:
            verdict = payloads.read_verdict(elements[0])
        except ApprovalProtocolError as exc:
            _log.warning("a response did not count", reason=str(exc))
            return True
        asked = self._asked.get(verdict.id)
        if asked is None or not verdict.answers(asked.request, now=time.time()):
            _log.warning("a response is about no request of ours", id=verdict.id)
        elif not asked.verdict.done():
            asked.verdict.set_result(verdict)
        return True

    def _stanza(self, to: str, request: ApprovalRequest) -> Message:
        from nuketown_approval import stanza as payloads  # noqa: PLC0415
        from nuketown_approval.wording import effect_in_words  # noqa: PLC0415

        payloads.register()
        # The body is for chat clients of people whose server has no broker to route to.
        body = (
            f"{request.agent} asks for {request.kind.value}: {effect_in_words(request)}\n"
            "(Your Nuketown broker asks you about it; an answer in this chat does not count.)"
        )
        stanza = self._client.make_message(to, body, mtype="normal")
        stanza["id"] = request.id
        stanza["approval"]["request"] = request
        stanza.enable("store")
        return stanza

    def _withdraw(self, request: ApprovalRequest) -> None:
        if self._client.online.is_set() and self._account is not None:
            stanza = self._client.make_message(self._account, mtype="normal")
            stanza["approval_withdrawn"]["id"] = request.id
            stanza.send()
