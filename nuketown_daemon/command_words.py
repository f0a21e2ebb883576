"""The chat commands, and remarks that are no task: in the words that people use. Pure.

``status`` · ``please cancel #3`` · ``show me the queue`` · ``STOP!!!`` · ``thanks!``
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """Commands that are words of their own."""

    HELP = "help"
    STATUS = "status"
    QUEUE = "queue"
    CANCEL = "cancel"
    STOP = "stop"
    ATTACH = "attach"
    COST = "cost"
    RETRY = "retry"


@dataclass(frozen=True)
class Command:
    """One of the chat commands, with the task it names."""

    verb: Verb
    task_id: int | None = None


class Kind(StrEnum):
    """What a remark may be, where it is said in a conversation."""

    COURTESY = "courtesy"
    """A greeting or thanks."""
    YES = "yes"
    NO = "no"
    PROJECT = "project"
    """The name of one project, and nothing to do there."""
    UNSURE = "unsure"
    """Perhaps a command."""


@dataclass(frozen=True)
class Remark:
    """No task of its own, though it may belong to a question or to a running session."""

    kind: Kind
    reason: str
    """What to tell the sender where it belongs to nothing."""
    project: str | None = None


_WITH_ID = frozenset({Verb.CANCEL, Verb.RETRY, Verb.STOP})
_USAGE = {
    Verb.HELP: "Say `help` alone for what I understand",
    Verb.STATUS: "Say `status` alone for what I do now, or `queue` for all that waits",
    Verb.QUEUE: "Say `queue` alone for what waits",
    Verb.CANCEL: "Say `cancel` and the number of one task, such as `cancel 3`; `queue` lists them",
    Verb.STOP: "Say `stop` alone to end the running task, or `cancel` and a task's number",
    Verb.ATTACH: "Say `attach` alone for the way to look over my shoulder",
    Verb.COST: "Say `cost` alone, or in the thread of a task for its own",
    Verb.RETRY: "Say `retry` and the number of one task, such as `retry 3`",
}
_ALIKE = {
    "abort": Verb.STOP, "halt": Verb.STOP, "kill": Verb.CANCEL, "tasks": Verb.QUEUE,
    "commands": Verb.HELP, "rerun": Verb.RETRY, "repeat": Verb.RETRY,
}  # fmt: skip


def word_set(text: str) -> frozenset[str]:
    """The words of ``text`` as a set."""
    return frozenset(text.split())


_BEFORE = word_set(
    "please pls plz can could would will you kindly just now ok okay show give tell list get me us "
    "what what's whats is are the your my current"
)
_AFTER = word_set("please pls plz now thanks thank you thx it me again right immediately")
_NUMBER_WORDS = word_set("task no nr number id")
_CONTROL = word_set(
    "a all an and are at both current doing everything first for i i'm id in is it job jobs last "
    "latest me my next no nr number of on or please previous project queue queued repo right "
    "running second session sessions that the them this those to task tasks what with work "
    "working you you're your now"
)
"""Words of talk about tasks; a sentence of these and a command is meant as a command."""
_COURTESY = word_set(
    "hi hey hello hallo yo morning afternoon evening night bye goodbye ciao thanks thank thx ty "
    "cheers merci danke great nice cool perfect awesome excellent wonderful brilliant super good "
    "how well bravo lovely lol haha wow amazing"
)
_AROUND_COURTESY = word_set(
    "you so much very a lot that that's is it was all really and for the help job work to see "
    "later there everyone everybody team world again looks are done doing today"
)
COURTESIES = _COURTESY | _AROUND_COURTESY
"""What is said to be polite."""
_YES = word_set(
    "yes yep yeah yup ok okay k sure right correct agreed fine go ahead do it please on"
)
_NO = word_set("no nope nah never mind nevermind forget it none neither nothing not now please")
_YES_HEADS = word_set("yes yep yeah yup ok okay k sure right correct agreed fine go do")
_NO_HEADS = word_set("no nope nah never nevermind forget none neither nothing")
_THANKS = word_set("thanks thank thx ty cheers merci danke")
_LONGEST = 12
_TOKEN = re.compile(r"#?[^\W_]+(?:['’][^\W_]+)*")


def words_of(text: str) -> list[str]:
    """The words of ``text``, folded, without punctuation and pictures.

    >>> words_of("Please, STOP!!! #3 👍")
    ['please', 'stop', '#3']
    """
    return [word.replace("’", "'") for word in _TOKEN.findall(text.casefold())]


def read_words(text: str, projects: Collection[str]) -> Command | Remark | None:
    """A command, a remark, or None: something that may be a task.

    :param projects: known projects that ``text`` names
    """
    words = words_of(text[:200])
    named = {word for name in projects for word in words_of(name)}
    if _ends_something_first(words, named):
        return Remark(
            Kind.UNSURE,
            "I start nothing by that: end what runs with `stop` or `cancel ID`, then say what is "
            "next.",
        )
    if len(text) > 200 or len(words) > _LONGEST:
        return None
    found = _command(words, named)
    if found is not None:
        return found
    remark = _remark(words, text)
    if not projects:
        return remark
    # A project may be called "go": "go ahead" is no talk of it, though "go" alone is.
    answers = remark is not None and remark.kind in (Kind.YES, Kind.NO)
    return remark if answers and not {*words} <= named else None


def _command(words: list[str], named: Collection[str]) -> Command | Remark | None:
    start, end = 0, len(words)
    while start < end and words[start] in _BEFORE:
        start += 1
    while end - 1 > start and words[end - 1] in _AFTER:
        end -= 1
    if start == end:
        return None
    first, rest = words[start], words[start + 1 : end]
    try:
        verb = Verb(first)
    except ValueError:
        return None if named else _misspelt(first, rest)
    if not rest:
        return Command(verb)
    numbers = [word.lstrip("#") for word in rest if word not in _NUMBER_WORDS]
    number = numbers[0] if len(numbers) == 1 and numbers[0].isdecimal() else ""
    if verb in _WITH_ID and 0 < len(number) < 10:
        return Command(Verb.CANCEL if verb is Verb.STOP else verb, int(number))
    known = {*_CONTROL, *_BEFORE, *_AFTER, *Verb, *named}
    if all(word in known or word.lstrip("#").isdecimal() for word in rest):
        return Remark(
            Kind.UNSURE,
            f"{_USAGE[verb]}. If I shall work on something, say `work on PROJECT -- what to do`.",
        )
    return None


def _ends_something_first(words: list[str], named: Collection[str]) -> bool:
    """``stop that and …``, ``don't work on …``: there is nothing to begin with."""
    start = 0
    while start < len(words) and words[start] in _BEFORE:
        start += 1
    first, rest = words[start : start + 1], words[start + 1 :]
    if first in (["stop"], ["cancel"]):
        ends = [place for place, word in enumerate(rest) if word in ("and", "then")]
        return bool(ends) and {*rest[: ends[0]]} <= _CONTROL | _AFTER | {*named}
    if first == ["do"]:
        first, rest = rest[:1], rest[1:]
    return first in (["don't"], ["dont"], ["not"], ["never"]) and rest[:1] in (
        ["work"], ["touch"], ["start"], ["begin"],
    )  # fmt: skip


def _misspelt(word: str, rest: list[str]) -> Remark | None:
    number = rest[0].lstrip("#") if len(rest) == 1 else ""
    if rest and not number.isdecimal():
        return None
    close = (
        [_ALIKE[word]] if word in _ALIKE else difflib.get_close_matches(word, list(Verb), 1, 0.75)
    )
    if not close:
        return None
    return Remark(Kind.UNSURE, f"Did you mean `{f'{close[0]} {number}'.strip()}`? Say it that way.")


def _remark(words: list[str], text: str) -> Remark | None:
    if not words:
        if set(text) & set("?？"):
            return Remark(Kind.UNSURE, "Say `help` to see what I understand.")
        return Remark(Kind.YES, "Tell me in words what to do, or say `help`.")
    said = frozenset(words)
    if said <= _YES and words[0] in _YES_HEADS:
        return Remark(Kind.YES, "I have asked you nothing: say what to do, or `help`.")
    if said <= _NO and words[0] in _NO_HEADS:
        return Remark(Kind.NO, "Very well: I have asked you nothing that is still open.")
    if said & _COURTESY and said <= COURTESIES:
        beginning = "You're welcome. " if said & _THANKS else ""
        return Remark(Kind.COURTESY, f"{beginning}Say what to do next, or `help`.")
    return None
