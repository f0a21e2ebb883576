"""What people type as an answer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nuketown_broker.channels.phone.code import LENGTH

_LIMIT = 60
_ANSWER = re.compile(
    rf"(?P<word>yes|no)(?:\s+(?P<code>[A-Z0-9]{{{LENGTH}}}))?"
    r"(?:\s+(?:for\s+)?(?:(?P<minutes>[0-9]{1,3})\s?m(?:in)?|(?P<task>task)))?[.!]?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class TypedAnswer:
    """``yes``, ``no K3F7``, ``yes K3F7 10m``, ``yes K3F7 task``."""

    result: Literal["approved", "denied"]
    code: str | None = None
    minutes: int | None = None
    for_task: bool = False


def parse_answer(text: str) -> TypedAnswer | None:
    """The answer that ``text`` is, whole; None if it is none.

    >>> parse_answer("Yes k3f7 10m")
    TypedAnswer(result='approved', code='K3F7', minutes=10, for_task=False)
    >>> parse_answer("yes please do that") is None
    True
    """
    text = text.strip()
    match = _ANSWER.fullmatch(text) if len(text) <= _LIMIT else None
    if match is None:
        return None
    code, minutes = match["code"], match["minutes"]
    if code is not None and code.lower() == "task":  # a scope, and no code has an S
        return TypedAnswer(_result(match["word"]), for_task=True)
    return TypedAnswer(
        result=_result(match["word"]),
        code=code.upper() if code else None,
        minutes=int(minutes) if minutes else None,
        for_task=match["task"] is not None,
    )


def _result(word: str) -> Literal["approved", "denied"]:
    return "approved" if word.lower() == "yes" else "denied"
