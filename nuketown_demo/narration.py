"""Words for a terminal: text from elsewhere made harmless, and a transcript with times."""

from __future__ import annotations

import sys
import textwrap
import time

_NAME = 9
_MARGIN = len("  0.0 s  ") + _NAME + 2
_WIDTH = 78


def plain(text: str) -> str:
    r"""Text of others without anything that moves the cursor, recolours or reorders.

    >>> plain("a\x1b[31mb\tc\nd")
    'a\ufffd[31mb   c\nd'
    """
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n".join("".join(c if c.isprintable() else "\ufffd" for c in line) for line in lines)


class Transcript:
    """Prints what happens as it happens, with seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def tell(self, who: str, text: str) -> None:
        """One happening; further lines of ``text`` are indented below the first."""
        passed = time.monotonic() - self._start
        first, *rest = [part for line in plain(text).split("\n") for part in _wrapped(line)]
        lines = [f"{passed:5.1f} s  {who:<{_NAME}}  {first}"]
        lines += [" " * _MARGIN + line for line in rest]
        self.show("\n".join(line.rstrip() for line in lines))

    def show(self, text: str) -> None:
        """Text that stands for itself."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH, drop_whitespace=False, break_on_hyphens=False) or [""]
