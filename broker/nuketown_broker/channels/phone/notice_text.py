"""A request in words for a phone: what, where, as whom, how to answer. Pure."""

from __future__ import annotations

import time

from nuketown_approval.request import SudoCommand
from nuketown_approval.wording import effect_in_words, quoted_word
from nuketown_broker.contract import Question, Settled

COMMAND_LIMIT = 6000
"""Longest command shown in chat, in characters; a longer one can't be approved there."""
_SUMMARY_LIMIT = 200

HOW_TO_ANSWER = (
    "I ask here when an agent needs a human's yes. Answer in this chat: “yes” or “no” while one "
    "request waits, “yes CODE” or “no CODE” always, or react with 👍 or 👎 to a request. "
    "Where a request offers it, “yes CODE 10m” allows exactly that for ten minutes and "
    "“yes CODE task” until the agent's task ends. No answer in time means no."
)


def is_whole(question: Question) -> bool:
    """Does the notice show everything? Else it can't be approved from it."""
    return len(effect_in_words(question.request)) <= COMMAND_LIMIT


def summary(question: Question) -> str:
    """The request on one line."""
    request = question.request
    effect = effect_in_words(request)
    if len(effect) > _SUMMARY_LIMIT:
        effect = f"{effect[:_SUMMARY_LIMIT]}… (cut)"
    return f"{request.agent}, {request.kind.value}: {effect}"


def notice(question: Question, code: str, *, can_approve: bool) -> str:
    """The notice.

    :param can_approve: may an answer from chat be a yes?
    """
    how = _how(question, code, can_approve=can_approve and is_whole(question))
    return "\n".join([*_description(question), how])


def unanswerable_notice(question: Question) -> str:
    """The notice in the human's chat with themselves, where no answer counts."""
    request = question.request
    how = (
        "Nothing said in this chat is an answer. Answer at the popup, or with "
        f"“nuketown approve {request.id}” or “nuketown deny {request.id}”, "
        f"within {_seconds_left(question)} s."
    )
    return "\n".join([*_description(question), how])


def _description(question: Question) -> list[str]:
    request = question.request
    effect = effect_in_words(request)
    if len(effect) > COMMAND_LIMIT:
        effect = f"{effect[:COMMAND_LIMIT]}\n… (cut: {len(effect) - COMMAND_LIMIT} more characters)"
    lines = [
        f"{request.agent} ({quoted_role(question)}) asks for {request.kind.value} "
        f"on {quoted_word(request.host)}:",
        effect,
    ]
    payload = request.payload
    if isinstance(payload, SudoCommand):
        lines.append(f"in {quoted_word(payload.cwd)}, as {quoted_word(payload.run_as.user)}")
        lines.append(f"runs {quoted_word(payload.path)}")
        if payload.mode != "command":
            lines.append(f"⚠ a {payload.mode} shell")
        lines += _input_lines(question, payload)
    lines += [f"⚠ {warning}" for warning in question.decision.warnings]
    return lines


def quoted_role(question: Question) -> str:
    """The role, with nothing in it that misleads an eye."""
    return quoted_word(question.role)


def _input_lines(question: Question, command: SudoCommand) -> list[str]:
    agent = question.request.agent
    if command.input == "terminal":
        return [f"⚠ {agent} can type into it"]
    if command.input == "pipe":
        amount = "input" if question.stdin_bytes is None else f"{question.stdin_bytes} bytes"
        return [f"⚠ {agent} pipes {amount} into it that nobody has seen"]
    return []


def _how(question: Question, code: str, *, can_approve: bool) -> str:
    seconds = _seconds_left(question)
    if not can_approve:
        return (
            f"It can only be approved at the desk. To deny: “no {code}” or 👎, within {seconds} s."
        )
    more = ""
    if question.decision.grant_offered:
        more = f" For longer: “yes {code} 10m”, “yes {code} task”."
    return f"Answer within {seconds} s: “yes {code}” or “no {code}”, or 👍 👎.{more}"


def _seconds_left(question: Question) -> int:
    return min(question.request.timeout, max(0, round(question.request.expires - time.time())))


def choices(question: Question, code: str, *, can_approve: bool) -> tuple[tuple[str, str], ...]:
    """Quick responses (XEP-0439): what is sent, and its label."""
    deny = (f"no {code}", "Deny")
    if not (can_approve and is_whole(question)):
        return (deny,)
    found = [deny, (f"yes {code}", "Approve")]
    if question.decision.grant_offered:
        found.append((f"yes {code} 10m", "Approve for 10 min"))
    return tuple(found)


def correction(line: str, settled: Settled) -> str:
    """What the notice says once the request ended.

    :param line: from :func:`summary`
    """
    return ended(line, settled.result, settled.sentence)


def ended(line: str, result: str, sentence: str) -> str:
    """Like :func:`correction`, from what was kept over a restart."""
    return f"{'✅' if result == 'approved' else '⛔'} {sentence}\n{line}"
