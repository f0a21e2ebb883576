"""What was done, or with ``--dry-run`` would be done: one line each, fit for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

_LINE_LIMIT = 1000
_PAST = {
    "make": "made",
    "register": "registered",
    "delete": "deleted",
    "write": "wrote",
    "mend": "mended",
}


class Report:
    """Tells a person (or the journal) about each change.

    :param dry_run: nothing is to be changed; say what would be
    """

    def __init__(self, *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.changes = 0
        self._hide: Callable[[str], str] = str

    def hide_with(self, hide: Callable[[str], str]) -> None:
        """Pass every later line through ``hide``."""
        self._hide = hide

    def change(self, verb: str, text: str) -> bool:
        """Announce a change; false if it is not to be made (``--dry-run``).

        :param verb: ``make``, ``register``, ``delete``, ``write`` or ``mend``
        """
        self.changes += 1
        if self.dry_run:
            self.say(f"would {verb} {text}")
        return not self.dry_run

    def changed(self, verb: str, text: str) -> None:
        """Say that the change is made."""
        self.say(f"{_PAST[verb]} {text}")

    def say(self, text: str) -> None:
        """Print one line."""
        sys.stdout.write(f"{_one_line(self._hide(text))}\n")
        sys.stdout.flush()

    def warn(self, text: str) -> None:
        """Print one line of warning."""
        sys.stderr.write(f"nuketown-identity: {_one_line(self._hide(text))}\n")


def _one_line(text: str) -> str:
    """Spaces for line ends, escapes, and characters that turn or hide text."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= _LINE_LIMIT else line[: _LINE_LIMIT - 1] + "…"
