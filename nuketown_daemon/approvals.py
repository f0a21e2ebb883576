"""The daemon's side of approvals: asks the broker, and knows when something of its agent waits."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydantic import TypeAdapter, ValidationError

from nuketown_approval.errors import ApprovalError, ApprovalUnavailable
from nuketown_approval.xmpp.backoff import Backoff
from nuketown_daemon.errors import SessionError
from nuketown_daemon.status_board import StatusBoard

# Requests and the broker's lines are there when something is asked, or there is a broker: they
# are a fifteenth of the time until the daemon is ready.
if TYPE_CHECKING:
    from nuketown_approval.client import BrokerClient
    from nuketown_approval.request import ApprovalRequest
    from nuketown_approval.verdict import Verdict

ANSWER_S = 600
"""Longest that a session waits for an answer, in seconds; the broker's own limit is shorter."""
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 60.0

_log = structlog.get_logger(__name__)
AskByStanza = Callable[["ApprovalRequest"], Awaitable["Verdict"]]


class Approvals:
    """Asks through the broker's socket where there is one, else by stanza.

    :param agent: the agent's name
    :param path: the broker's socket
    :param by_stanza: None: there is no XMPP
    """

    def __init__(
        self,
        agent: str,
        board: StatusBoard,
        path: Path,
        by_stanza: AskByStanza | None,
        *,
        host: str | None = None,
        broker_uid: int | None = None,
    ) -> None:
        self._agent = agent
        self._board = board
        self._path = path
        self._broker_uid = broker_uid
        self._by_stanza = by_stanza
        self._host = host or socket.gethostname()
        self._pending: dict[str, str] = {}
        """Id → kind of what waits."""

    @cached_property
    def _client(self) -> BrokerClient:
        from nuketown_approval.client import BrokerClient  # noqa: PLC0415

        return BrokerClient(self._path, broker_uid=self._broker_uid)

    async def run(self) -> None:
        """Follow what waits at the broker, until cancelled; a broker may come and go."""
        backoff = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S)
        while True:
            if await self._broker_is_there():
                with suppress(ApprovalError):
                    async for event in self._client.watch():
                        backoff.reset()
                        if event.agent == self._agent:
                            kind = event.kind.value if event.event == "pending" else None
                            self._note(event.id, kind)
            # Whatever waited there was denied when it went away.
            self._pending = {k: v for k, v in self._pending.items() if k.startswith("stanza ")}
            self._show()
            await asyncio.sleep(backoff.next_s())

    async def ask(self, kind: str, details: dict[str, str]) -> str:
        """Ask a human for teammates, another size or network access; a yes in one sentence.

        :param kind: delegate, scale or network
        :param details: what the kind needs: task and agents; from and to; egress
        :raises SessionError: no, or nobody could be asked; the text says which
        """
        from nuketown_approval.request import (  # noqa: PLC0415
            ApprovalRequest,
            Delegation,
            Network,
            Scaling,
        )

        kinds: TypeAdapter[Delegation | Scaling | Network]
        kinds = TypeAdapter(Delegation | Scaling | Network)
        try:
            payload = kinds.validate_python({"kind": kind, **details})
        except ValidationError as exc:
            raise SessionError(
                "a request is delegate (task, agents), scale (from, to) or network (egress)."
            ) from exc
        request = ApprovalRequest.new(
            self._agent, self._host, payload, timeout=ANSWER_S, now=time.time()
        )
        try:
            verdict = await self._submit(request)
        except ApprovalError as exc:
            raise SessionError(f"not approved: {exc}") from exc
        if verdict.result != "approved":
            raise SessionError(f"not approved: {verdict.reason or 'denied.'}")
        return verdict.reason or "approved."

    async def task_ended(self) -> None:
        """Tell the broker: grants for the task are over. Without a broker there are none."""
        if await self._broker_is_there():
            from nuketown_approval.lines import TaskEnded  # noqa: PLC0415

            try:
                await self._client.call(TaskEnded())
            except ApprovalError as exc:
                _log.info("the broker was not told that the task ended", reason=str(exc))

    async def _submit(self, request: ApprovalRequest) -> Verdict:
        if await self._broker_is_there():
            return (await self._client.submit(request)).verdict
        if self._by_stanza is None:
            raise ApprovalUnavailable("there is no broker on this machine and no XMPP.")
        key = f"stanza {request.id}"
        self._note(key, request.kind.value)
        try:
            return await self._by_stanza(request)
        finally:
            self._note(key, None)

    async def _broker_is_there(self) -> bool:
        try:
            return await asyncio.to_thread(self._path.is_socket)
        except OSError:
            return True  # its directory can't be searched, say: asking it tells why

    def _note(self, key: str, kind: str | None) -> None:
        if kind is None:
            self._pending.pop(key, None)
        else:
            self._pending[key] = kind
        self._show()

    def _show(self) -> None:
        kinds = set(self._pending.values())
        first = "sudo" if "sudo" in kinds else min(kinds, default=None)
        self._board.approval_pending(f"{first} approval" if first else None)
