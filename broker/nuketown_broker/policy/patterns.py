"""Patterns of ``pre_approved`` and ``deny``: read as a shell would, matched word by word. Pure.

docs/policy.md says what they mean to people.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nuketown_broker.policy.option_table import CommandTable, Operand, Option
from nuketown_broker.policy.options import table_of
from nuketown_broker.policy.star import star_matches, star_matches_within_slashes

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


@lru_cache(maxsize=4096)
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
    comparison = _Comparison(pattern, words, table)
    reason = comparison.run()
    if reason is None and table.operands is not None:
        reason = table.operands(comparison.operands)
    return reason


class _Comparison:
    """A walk along the words of a request and of a pattern."""

    def __init__(self, pattern: Pattern, words: Sequence[str], table: CommandTable) -> None:
        expected = list(pattern.words[1:])
        self.open_ended = expected[-1:] == ["*"]
        self.expected = expected[:-1] if self.open_ended else expected
        self.words = list(words)
        self.table = table
        self.operands: list[Operand] = []
        self._covered = False  # a final * stands for at least one word

    def run(self) -> str | None:
        """Why it does not match, or None."""
        while self.words:
            word = self.words.pop(0)
            take = self._take_option if word.startswith("-") else self._take_operand
            if reason := take(word):
                return reason
        if self.expected:
            return f"{self.expected[0]!r} is missing"
        if self.open_ended and not self._covered:
            return "the final * stands for one or more words, and there is none"
        return None

    def _take_operand(self, word: str) -> str | None:
        starred, reason = self._fit(word)
        if reason is None:
            self.operands.append(Operand(word, starred))
        return reason

    def _fit(self, word: str) -> tuple[bool, str | None]:
        """Match a word that is no option; was it ``*`` that matched, and if nothing, why?"""
        if self.expected:
            wanted = self.expected.pop(0)
            if word_matches(wanted, word):
                return "*" in wanted, None
            return False, f"{word!r} is not {wanted!r}"
        if not self.open_ended:
            return False, f"{word!r} is one word more than the pattern has"
        if not word or _CONTROL.search(word):
            return False, f"* does not stand for {word!r}"
        self._covered = True
        return True, None

    def _take_option(self, word: str) -> str | None:
        option = self.table.find(word)
        if self.expected[:1] == [word]:  # the pattern's own
            self.expected.pop(0)
            if option and option.value and self._value_follows(option):
                return self._fit(self.words.pop(0))[1]
            return None
        if option is None:
            return f"{word!r} is no option known to be harmless here"
        if option.selects and not self.open_ended:
            return f"{word!r} changes what the command is about, and the pattern has no final *"
        self._covered = True
        if option.value is None:
            return None
        if self._value_follows(option):
            self.words.pop(0)
            return None
        if option.optional:
            return None
        if not self.words:
            return f"{word!r} has no value after it"
        return f"{self.words[0]!r} can't be the value of {word!r} here"

    def _value_follows(self, option: Option) -> bool:
        following = self.words[0] if self.words else "-"
        return (
            not following.startswith("-")
            and option.value is not None
            and option.value.fullmatch(following) is not None
        )


def word_matches(expected: str, word: str) -> bool:
    """Does ``word`` fit a word of a pattern, where ``*`` is any text without ``/``?

    >>> word_matches("php*-fpm", "php8.2-fpm"), word_matches("/var/log/*", "/var/log/../shadow")
    (True, False)
    """
    if "*" not in expected:
        return word == expected
    if word.startswith("-") or not word or _CONTROL.search(word) or ".." in word.split("/"):
        return False
    return star_matches_within_slashes(expected, word)


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
    return all(any(star_matches(wanted, word) for word in rest) for wanted in expected)
