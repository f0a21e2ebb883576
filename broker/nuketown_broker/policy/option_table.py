"""How the harmless options of a command are written down and looked up. Pure.

A word of a request that begins with ``-`` is never taken for a value and never matched by ``*``:
it stands, whole, in its command's table, which also says where one value word follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

NUMBER = re.compile(r"\+?[0-9]{1,9}|all")
COUNT = re.compile(r"[0-9]{1,9}")
NAME = re.compile(r"[A-Za-z0-9_*?\[][A-Za-z0-9_.,@:\\*?\[\]-]{0,255}")
TIME = re.compile(r"[A-Za-z0-9@+-][A-Za-z0-9@+: .,_-]{0,63}")
BOOT = re.compile(r"[+-]?[0-9]{1,6}|[0-9a-f]{32}([+-][0-9]{1,6})?|all")
TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
CHOICE = re.compile(r"[A-Za-z0-9_+=,.-]{1,200}")


@dataclass(frozen=True)
class Option:
    """One word of a table."""

    value: re.Pattern[str] | None = None
    """One value word follows, of this form."""
    optional: bool = False
    """The value may be absent; a following word of another form is then no value."""
    selects: bool = False
    """It chooses what the command is about, so only a final ``*`` lets it in."""


@dataclass(frozen=True)
class Operand:
    """A word of the request that is no option and no option's value."""

    word: str
    starred: bool
    """It was matched by ``*``, not written out in the pattern."""


OperandRule = Callable[[Sequence[Operand]], str | None]
"""All operands of a request; returns why they may not run unasked, or None."""


@dataclass(frozen=True)
class CommandTable:
    """What may stand beside a pattern's own words for one command."""

    options: Mapping[str, Option] = field(default_factory=dict)
    joined: Mapping[str, Option] = field(default_factory=dict)
    """``--unit=`` and the like: the value stands in the same word."""
    letters: frozenset[str] = frozenset()
    """Flags that may be bundled in any order (``ss -tlnp``): none of them takes a value."""
    operands: OperandRule | None = None

    def find(self, word: str) -> Option | None:
        """The entry of a whole word that begins with ``-``, or None."""
        if word in self.options:
            return self.options[word]
        name, equals, value = word.partition("=")
        option = self.joined.get(name + equals) if equals else None
        if option and option.value and option.value.fullmatch(value):
            return Option(selects=option.selects)
        flags = word[1:]
        if flags and set(flags) <= self.letters and len(set(flags)) == len(flags):
            return Option()
        return None


def flags(words: str, *, selects: bool = False) -> dict[str, Option]:
    """Options without a value."""
    return dict.fromkeys(words.split(), Option(selects=selects))


def valued(
    words: str, form: re.Pattern[str], *, optional: bool = False, selects: bool = False
) -> dict[str, Option]:
    """Options with one value word after them."""
    return dict.fromkeys(words.split(), Option(form, optional=optional, selects=selects))


def joined(words: str, form: re.Pattern[str], *, selects: bool = False) -> dict[str, Option]:
    """Long options with the value in the same word: ``--since=…``."""
    return {f"{word}=": Option(form, selects=selects) for word in words.split()}


def bundles(letters: str, last: Iterable[tuple[str, Option]], most: int = 3) -> dict[str, Option]:
    """Every bundle of up to ``most`` flags, alone or with one of ``last`` at its end.

    >>> sorted(bundles("xe", [("u", Option(NAME))], 2))[:6]
    ['-e', '-eu', '-ex', '-exu', '-u', '-x']
    """
    found = {}
    endings = [("", Option()), *last]
    for count in range(most + 1):
        for chosen in permutations(letters, count):
            for letter, option in endings:
                if chosen or letter:
                    found[f"-{''.join(chosen)}{letter}"] = option
    return found
