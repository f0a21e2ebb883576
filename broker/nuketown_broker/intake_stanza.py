"""Requests that come as stanzas: from agents' accounts, and from the brokers of devices.

Who asks is the bare JID as the server stamped it. An agent can be its own daemon's account, so that
one may ask for teammates, size and network; ``kind=sudo`` only a device's broker may ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol
from xml.etree import ElementTree as ET

import structlog
from slixmpp import JID
from slixmpp.stanza import Message

from nuketown_approval.errors import ApprovalError, ApprovalProtocolError
from nuketown_approval.request import ApprovalRequest, Kind
from nuketown_approval.stanza import APPROVAL, WITHDRAWN, read_request
from nuketown_approval.verdict import Verdict
from nuketown_broker.accounts.account import Account
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Asker, Origin

_AT_ONCE = 100
"""Requests that are worked on; what is more is dropped, and times out at who asked."""
_WAYS = 2
"""The broker's own account and the human's."""
_log = structlog.get_logger(__name__)


class Submit(Protocol):
    """The broker's core, as the intake sees it."""

    def __call__(
        self, request: ApprovalRequest, asker: Asker, gone: asyncio.Event
    ) -> Awaitable[Verdict]:
        """Decide. ``gone`` is set when the request is withdrawn."""


@dataclass
class _Working:
    """A request that is being decided, and where its response goes."""

    digest: str
    bare: str
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    answer_to: list[tuple[Account, str]] = field(default_factory=list)

    def also(self, account: Account, to: str) -> None:
        """Send the response there too; sent by a third way, it is not."""
        if (account, to) not in self.answer_to and len(self.answer_to) < _WAYS:
            self.answer_to.append((account, to))


class StanzaIntake:
    """Takes requests from any number of accounts.

    :param configuration: the one in force, asked for each time
    """

    def __init__(self, configuration: Callable[[], Configuration], submit: Submit) -> None:
        self._configuration = configuration
        self._submit = submit
        self._working: dict[tuple[str, str], _Working] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, account: Account, *, receipts: bool) -> None:
        """Take what comes to ``account``.

        :param receipts: acknowledge requests (XEP-0184); the human's account says nothing but
            responses
        """

        def take(stanza: Message, sender: JID) -> None:
            self._take(account, stanza, sender, receipts=receipts)

        account.on_message(take)

    def _take(self, account: Account, stanza: Message, sender: JID, *, receipts: bool) -> None:
        if stanza.xml.get("type") in ("error", "groupchat", "headline"):
            return
        bare = sender.bare
        own, theirs = self._askers(bare)
        if not own and not theirs:
            return
        withdrawn = stanza.xml.find(WITHDRAWN)
        if withdrawn is not None:
            self._withdraw(bare, withdrawn)
            return
        elements = stanza.xml.findall(APPROVAL)
        if len(elements) != 1:
            return
        if receipts:
            _send_receipt(account, stanza, sender)
        self._begin(self._judge(account, elements[0], sender))

    def _askers(self, bare: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Agents whose account ``bare`` is, and agents whose device's broker it is."""
        configuration = self._configuration()
        return configuration.agents_of_jid(bare), configuration.agents_of_broker(bare)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= _AT_ONCE:
            work.close()
            _log.warning("too many requests by stanza; one was dropped")
            return
        task = asyncio.create_task(work, name="request by stanza")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _judge(self, account: Account, element: ET.Element, sender: JID) -> None:
        try:
            request = read_request(element)
            self._check(request, sender.bare)
        except ApprovalProtocolError as exc:
            # Not shown, not answered: whoever sends what is no request gets nothing to match.
            _log.warning("request by stanza refused", sender=sender.bare, reason=str(exc))
            return
        key = (sender.bare, request.id)
        working = self._working.get(key)
        if working is not None:
            if working.digest == request.request_digest:
                # The same question once more, by another way (design §4, no receipt).
                working.also(account, sender.full)
            return
        working = self._working[key] = _Working(request.request_digest, sender.bare)
        working.answer_to.append((account, sender.full))
        asker = Asker(Origin.STANZA, request.agent, jid=sender.full)
        try:
            verdict = await self._submit(request, asker, working.gone)
        except ApprovalError as exc:
            verdict = Verdict.on(request, "denied", str(exc)[:500])
        finally:
            del self._working[key]
        for answering, to in working.answer_to:
            _respond(answering, to, verdict)

    def _check(self, request: ApprovalRequest, bare: str) -> None:
        own, theirs = self._askers(bare)
        if request.agent in theirs:
            return
        if request.agent not in own:
            raise ApprovalProtocolError(f"{bare} does not speak for {request.agent}.")
        if request.kind is Kind.SUDO:
            raise ApprovalProtocolError(
                f"{bare} is the agent's own account: sudo is asked for by its device's broker."
            )

    def _withdraw(self, bare: str, element: ET.Element) -> None:
        working = self._working.get((bare, element.get("id", "")))
        if working is not None:
            working.gone.set()

    async def run(self) -> None:
        """Serve until cancelled; then nobody is waited for any more."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _respond(account: Account, to: str, verdict: Verdict) -> None:
    stanza = account.message(to, "normal")
    stanza["approval_response"]["verdict"] = verdict
    stanza.enable("store")
    if not account.send(stanza):
        _log.warning("a response could not be sent: offline", id=verdict.id)


def _send_receipt(account: Account, stanza: Message, sender: JID) -> None:
    message_id = stanza.xml.get("id")
    if message_id and stanza.xml.find("{urn:xmpp:receipts}request") is not None:
        receipt = account.message(sender.full, "normal")
        receipt["receipt"] = message_id
        account.send(receipt)
