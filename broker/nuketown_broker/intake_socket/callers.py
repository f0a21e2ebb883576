"""Who is at the other end of the socket, and what that user may do there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
from dataclasses import dataclass

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.lines import Submit
from nuketown_approval.request import Kind
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Asker, Origin

_LOOKUP_S = 5.0


@dataclass(frozen=True)
class Caller:
    """A peer that is served, judged anew for every connection."""

    uid: int
    agent: str | None
    """The agent that this uid stands for."""
    answers: bool
    """May it answer? Never true of an agent."""

    @property
    def name(self) -> str:
        """Account name (the uid where it has none), as sentences and the audit have it."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"


async def caller_of(uid: int, configuration: Configuration) -> Caller | None:
    """What a peer's uid stands for; None: nobody who is served."""
    agent = configuration.agent_of_uid(uid)
    answers = agent is None and await _answers(uid, configuration)
    if agent is None and not answers and uid != 0:
        return None
    return Caller(uid, agent, answers)


async def _answers(uid: int, configuration: Configuration) -> bool:
    if configuration.role == "workstation" and uid == os.geteuid():
        return True
    for user in configuration.answering_users:
        # Asked anew each time: accounts come and go.
        with contextlib.suppress(KeyError, TimeoutError):
            async with asyncio.timeout(_LOOKUP_S):
                if (await asyncio.to_thread(pwd.getpwnam, user)).pw_uid == uid:
                    return True
    return False


def asker_of(submit: Submit, caller: Caller, configuration: Configuration) -> Asker:
    """Who a request is from: the peer's own uid, or, from root, who called sudo.

    :raises ApprovalProtocolError: that user may not ask for this
    """
    kind = submit.request.kind
    if kind is Kind.SUDO:
        if caller.uid != 0:
            raise ApprovalProtocolError(
                "only the root helper may ask for sudo: use the sudo command."
            )
        if submit.submit_uid is None:
            raise ApprovalProtocolError("a request for sudo must name who called it: submit_uid.")
    elif submit.submit_uid is not None:
        raise ApprovalProtocolError(f"a request for {kind} is for the caller alone: no submit_uid.")
    uid = caller.uid if submit.submit_uid is None else submit.submit_uid
    agent = configuration.agent_of_uid(uid)
    if agent is None:
        raise ApprovalProtocolError(f"uid {uid} is no agent of broker.toml.")
    return Asker(Origin.SOCKET, agent, uid=uid)


def agent_meant(submit_uid: int | None, caller: Caller, configuration: Configuration) -> str | None:
    """Whose grants are meant: the caller's, or, asked by root, of who called sudo.

    :raises ApprovalProtocolError: somebody other than root names another user
    """
    if submit_uid is None or submit_uid == caller.uid:
        return caller.agent
    if caller.uid != 0:
        raise ApprovalProtocolError("only root may name another user.")
    agent = configuration.agent_of_uid(submit_uid)
    if agent is None:
        raise ApprovalProtocolError(f"uid {submit_uid} is no agent of broker.toml.")
    return agent
