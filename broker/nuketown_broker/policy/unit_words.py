"""Which words after ``systemctl`` may be matched by ``*``. Pure.

Only plain service names: no path, glob, instance (``@``), target, or unit of Nuketown's own.
Where a verb only reads, units of other types may be named too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nuketown_broker.policy.option_table import Operand
from nuketown_broker.policy.word_set import word_set

READING_VERBS = word_set(
    "status show cat is-active is-enabled is-failed is-system-running list-units "
    "list-unit-files list-timers list-sockets list-dependencies list-jobs list-machines "
    "list-automounts list-paths get-default show-environment"
)
SERVICE_VERBS = word_set(
    "start stop restart reload try-restart reload-or-restart try-reload-or-restart "
    "enable disable reenable mask unmask reset-failed"
)
_VERBS_ALONE = frozenset({"daemon-reload"})
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,255}")
_UNIT_TYPES = word_set("target socket timer mount automount path slice scope device swap snapshot")


def judge_unit_words(operands: Sequence[Operand]) -> str | None:
    """Say why these words may not run unasked, or None."""
    if not operands:
        return None
    verb, *units = operands
    if ours := next((unit.word for unit in units if is_ours(unit.word)), None):
        return f"{ours!r} is a unit of Nuketown's own"
    reading = verb.word in READING_VERBS
    known = reading or verb.word in SERVICE_VERBS or (verb.word in _VERBS_ALONE and not units)
    if not known and (verb.starred or any(unit.starred for unit in units)):
        return f"* does not stand for what follows systemctl {verb.word!r}"
    for unit in units:
        if unit.starred and (reason := _not_plain(unit.word, reading=reading)):
            return reason
    return None


def is_ours(word: str) -> bool:
    """Is it a unit of Nuketown (or may a pattern in it match one)?"""
    return word.rpartition("/")[2].startswith("nuketown")


def _not_plain(word: str, *, reading: bool) -> str | None:
    if "/" in word:
        return f"{word!r} is a path, not a service's name"
    if "@" in word:
        return f"{word!r} is an instance (or a template), not a plain service"
    if not _PLAIN.fullmatch(word):
        return f"{word!r} is not a plain service's name"
    suffix = word.rpartition(".")[2]
    if suffix in _UNIT_TYPES and "." in word and not reading:
        return f"{word!r} is a {suffix}, not a service"
    return None
