"""Which answers count (design §4). Who answered is the channel's to prove; what, is judged here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_broker.contract import Answer, Question

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

AT_THE_DESK = frozenset({"desktop", "terminal", "command line"})
"""Channels that no chat server can speak on: their answers are signed."""


def check_answer(
    answer: Answer, question: Question, key: Ed25519PublicKey | None, *, now: float
) -> None:
    """Refuse an answer that does not count.

    :param key: ``approver_key``: approvals from elsewhere than this machine must be signed by it
    :param now: Unix seconds
    :raises ApprovalProtocolError: one sentence for whoever gave it
    """
    request = question.request
    if now >= request.expires:
        raise ApprovalProtocolError("the request has expired: it was denied.")
    if answer.channel == "stanza":
        _check_verdict(answer, question, key, now=now)
    elif answer.channel == "chat" and key is not None and answer.result == "approved":
        raise ApprovalProtocolError(
            "this broker takes a yes only with the approver's signature: answer at the popup or "
            "with nuketown approve; a no counts from here."
        )
    if answer.minutes is None and not answer.for_task:
        return
    if answer.result == "denied":
        raise ApprovalProtocolError("a no has no duration: it is for this request.")
    if not question.decision.grant_offered:
        raise ApprovalProtocolError(
            "this can't be approved for longer than once: answer without a duration."
        )
    if answer.minutes is not None and not 1 <= answer.minutes <= 60:
        raise ApprovalProtocolError("a grant lasts from 1 to 60 minutes.")


def _check_verdict(
    answer: Answer, question: Question, key: Ed25519PublicKey | None, *, now: float
) -> None:
    verdict = answer.verdict
    if verdict is None or verdict.result != answer.result:
        raise ApprovalProtocolError("the response carries no verdict.")
    if not verdict.answers(question.request, now=now):
        raise ApprovalProtocolError("the verdict is not about this request, or has expired.")
    if key is not None and verdict.result == "approved" and not verdict.signed_by(key):
        raise ApprovalProtocolError("the verdict is not signed by the approver's key.")


def sentence_of(answer: Answer, *, now: float) -> str:
    """``approved on desktop by josh, 14:02``, for people and the audit."""
    clock = time.strftime("%H:%M", time.localtime(now))
    where = {"chat": "in chat", "stanza": "remotely", "command line": "on the command line"}
    scope = ""
    if answer.minutes is not None:
        scope = f" for {answer.minutes} min"
    elif answer.for_task:
        scope = " for this task"
    place = where.get(answer.channel, f"on {answer.channel}")
    return f"{answer.result}{scope} {place} by {answer.answerer}, {clock}"
