"""Patterns of ``pre_approved`` and ``deny``: read as a shell would, matched word by word. Pure.

docs/policy.md says what they mean to people.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nuketown_broker.policy.option_table import CommandTable, Operand
from nuketown_broker.policy.options import table_of

_SHELL_WORD = re.compile(r"\|\|?|&&?|;+|[<>]+|\d?>&?\d?")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Pattern:
    """One pattern."""

    text: str
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        """Its first word: a name looked for on ``secure_path``, or an absolute path."""
        return self.words[0]


def parse_pattern(text: str) -> Pattern:
    """Read a pattern.

    :raises ValueError: it could never mean what its author thinks
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as exc:
        raise ValueError(f"the pattern {text!r} is not a command line ({exc}): mend it") from exc
    if not words or not words[0]:
        raise ValueError("a pattern names a command: it can't be empty")
    if _CONTROL.search(text):
        raise ValueError(f"the pattern {text!r} holds a control character: take it out")
    command = words[0]
    if _ASSIGNMENT.match(command):
        raise ValueError(
            f"the pattern {text!r} begins with an assignment: requests with one are always asked"
        )
    if "*" in command or command.startswith(("-", ".")):
        raise ValueError(f"the pattern {text!r} must begin with a command's name or absolute path")
    if "/" in command and not command.startswith("/"):
        raise ValueError(f"the pattern {text!r}: a command with / in it must be an absolute path")
    for word in words[1:]:
        if word.startswith("-") and "*" in word:
            raise ValueError(
                f"the pattern {text!r}: {word} begins with - and so is compared whole; "
                "* there has no meaning: write the option out, or end with a * of its own"
            )
        if _SHELL_WORD.fullmatch(word):
            raise ValueError(
                f"the pattern {text!r}: {word} means nothing here, no shell runs it: quote it, "
                "or write one pattern for each command"
            )
    return Pattern(text, words)


def mismatch(pattern: Pattern, words: Sequence[str]) -> str | None:
    """Say why the request's words after the command's own do not match, or None: they do.

    :param words: of the request, without its first
    """
    table = table_of(pattern.command)
    operands: list[Operand] = []
    reason = _walk(pattern.words[1:], list(words), table, operands)
    if reason is None and table.operands is not None:
        reason = table.operands(operands)
    return reason


def _walk(
    expected: Sequence[str], words: list[str], table: CommandTable, operands: list[Operand]
) -> str | None:
    open_ended = bool(expected) and expected[-1] == "*"
    fixed = list(expected[:-1] if open_ended else expected)
    covered = 0  # words that a final * stands for: at least one
    position = 0
    while position < len(words):
        word = words[position]
        if word.startswith("-"):
            if fixed and fixed[0] == word:
                fixed.pop(0)
                position += 1
                continue
            taken, reason = _take_option(words, position, table, open_ended=open_ended)
            if reason:
                return reason
            position += taken
            covered += taken
            continue
        position += 1
        if fixed:
            if not word_matches(fixed[0], word):
                return f"{word!r} is not {fixed[0]!r}"
            operands.append(Operand(word, starred="*" in fixed.pop(0)))
        elif open_ended:
            if not word or _CONTROL.search(word):
                return f"* does not stand for {word!r}"
            operands.append(Operand(word, starred=True))
            covered += 1
        else:
            return f"{word!r} is one word more than the pattern has"
    if fixed:
        return f"{fixed[0]!r} is missing"
    if open_ended and not covered:
        return "the final * stands for one or more words, and there is none"
    return None


def _take_option(
    words: list[str], position: int, table: CommandTable, *, open_ended: bool
) -> tuple[int, str | None]:
    """How many words the option at ``position`` takes, or why it may not stand there."""
    word = words[position]
    option = table.find(word)
    if option is None:
        return 0, f"{word!r} is no option known to be harmless here"
    if option.selects and not open_ended:
        return 0, f"{word!r} changes what the command is about, and the pattern has no final *"
    if option.value is None:
        return 1, None
    following = words[position + 1] if position + 1 < len(words) else None
    is_value = (
        following is not None
        and not following.startswith("-")
        and option.value.fullmatch(following) is not None
    )
    if is_value:
        return 2, None
    if option.optional:
        return 1, None
    if following is None:
        return 0, f"{word!r} has no value after it"
    return 0, f"{following!r} can't be the value of {word!r} here"


def word_matches(expected: str, word: str) -> bool:
    """Does ``word`` fit a word of a pattern, where ``*`` is any text without ``/``?

    >>> word_matches("php*-fpm", "php8.2-fpm"), word_matches("/var/log/*", "/var/log/../shadow")
    (True, False)
    """
    if "*" not in expected:
        return word == expected
    if word.startswith("-") or not word or _CONTROL.search(word) or ".." in word.split("/"):
        return False
    return re.fullmatch("[^/]*".join(map(re.escape, expected.split("*"))), word) is not None


def denies(pattern: Pattern, names: Collection[str], path: str, words: Sequence[str]) -> bool:
    """Does a pattern of ``deny`` match? Generously: its words in this order, anything between.

    :param names: every name the executable goes by, links followed
    :param words: of the request, without its first
    """
    command = pattern.command
    if command != path and command.rpartition("/")[2] not in names:
        return False
    expected = list(pattern.words[1:])
    if expected and expected[-1] == "*":
        expected.pop()
    rest = iter(words)
    return all(any(_fits(wanted, word) for word in rest) for wanted in expected)


def _fits(expected: str, word: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, expected.split("*"))), word, re.DOTALL) is not None
