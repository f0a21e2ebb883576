"""Which requests are judged at all: in time, for the first time, by whom they say. Pure."""

from __future__ import annotations

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.request import REQUEST_LIMIT, ApprovalRequest, canonical_json
from nuketown_broker.contract import Asker, Origin

LONGEST_S = 3600
"""Furthest expiry that is taken, in seconds from now; also how long an id stays used."""
_SKEW_S = 60
"""By so much may another machine's clock be ahead, in seconds."""
_REMEMBERED = 5000
"""Nonces and ids kept for each agent; one that has used up so many within their time waits."""


class Admission:
    """Remembers nonces and ids while they could be used again.

    :param host: name of this machine: what is asked on the socket must be about it
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._used: dict[str, dict[str, float]] = {}

    def admit(self, request: ApprovalRequest, asker: Asker, *, now: float) -> None:
        """Take note of a request.

        :param now: Unix seconds
        :raises ApprovalProtocolError: it can't be taken; nothing is shown
        """
        if request.agent != asker.agent:
            raise ApprovalProtocolError(
                f"the request names the agent {request.agent} and comes from {asker.agent}: "
                "each asks for itself."
            )
        if asker.origin is Origin.SOCKET and request.host != self._host:
            raise ApprovalProtocolError(
                f"the request is about the host {request.host}, and this is {self._host}."
            )
        if len(canonical_json(request.effect())) > REQUEST_LIMIT:
            raise ApprovalProtocolError(f"the request is longer than {REQUEST_LIMIT} bytes.")
        if request.expires <= now:
            raise ApprovalProtocolError("the request has expired: ask again.")
        if request.expires > now + LONGEST_S + _SKEW_S:
            raise ApprovalProtocolError(
                f"the request expires more than {LONGEST_S} seconds from now: ask for less."
            )
        self._use(request, asker.agent, now)

    def _use(self, request: ApprovalRequest, agent: str, now: float) -> None:
        # Ids are kept as long as nonces, so that an answer to one never meets its namesake.
        used = self._used.setdefault(agent, {})
        if len(used) >= 2 * _REMEMBERED:
            used = self._used[agent] = {key: end for key, end in used.items() if end > now}
        if len(used) >= 2 * _REMEMBERED:
            raise ApprovalProtocolError("there are too many requests of this agent: wait.")
        nonce, name = "nonce " + request.nonce, "id " + request.id
        if used.get(nonce, 0) > now:
            raise ApprovalProtocolError("the request was sent before: make a new one.")
        if any(others.get(name, 0) > now for others in self._used.values()):
            raise ApprovalProtocolError("there was a request with this id: make a new one.")
        used[nonce] = used[name] = float(request.expires)
