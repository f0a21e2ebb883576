"""What can be wrong with a definition: every problem is one sentence with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from nuketown_cli.errors import CommandError


class Level(StrEnum):
    """How bad it is: an error makes ``lint`` fail."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where, and what to do.

    :param place: a key of agent.toml or ``line 7`` of the prompt; empty: the file as a whole
    """

    level: Level
    file: str
    place: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: {self.text}"


class DefinitionError(CommandError):
    """Something can't be read as a definition.

    :param problems: at least one; the message is the first and how many there are beside it
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - 1
        rest = f" (and {more} more: nuketown agents lint shows all)" if more else ""
        super().__init__(f"{self.problems[0]}{rest}")

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant.

    >>> nearest("premissions", ["permissions", "skills"])
    'permissions'
    """
    found = get_close_matches(name.casefold(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name.

    >>> did_you_mean("mod", ["mode", "name"])
    'did you mean mode?'
    >>> did_you_mean("xyz", ["mode", "name"])
    'known are mode and name.'
    """
    names = list(known)
    near = nearest(name, names)
    if near:
        return f"did you mean {near}?"
    return f"known are {listed(names)}." if names else "there is none."


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    all_words = list(words)
    if len(all_words) < 2:
        return "".join(all_words)
    return f"{', '.join(all_words[:-1])} {last} {all_words[-1]}"
