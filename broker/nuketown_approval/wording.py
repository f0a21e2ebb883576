r"""Requests in words: for notices, popups, lists and the audit. Nothing in it can mislead an eye.

Commands are quoted as bash would take them; characters that move a cursor, hide or reverse text
are written as escapes (``$'\x1b'``).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from nuketown_approval.log_output import visible
from nuketown_approval.request import (
    ApprovalRequest,
    Bytes,
    Delegation,
    Network,
    Scaling,
    SudoCommand,
    raw_of,
)


def quoted_word(word: str | Bytes) -> str:
    r"""One word of a command, quoted for bash.

    >>> quoted_word("a b"), quoted_word("x\ny")
    ("'a b'", "$'x\\ny'")
    """
    if isinstance(word, str) and _plain(word):
        return shlex.quote(word)
    text = raw_of(word).decode("utf-8", "surrogateescape")
    return "$'" + "".join(_ansi_c(character) for character in text) + "'"


def quoted_command(words: Iterable[str | Bytes]) -> str:
    """A command on one line, every word quoted where it needs it."""
    return " ".join(quoted_word(word) for word in words)


def effect_in_words(request: ApprovalRequest) -> str:
    """What would happen, on one line: the command with its assignments, or what is asked for."""
    match request.payload:
        case SudoCommand(argv=argv, env=env):
            assignments = [f"{quoted_word(name)}={quoted_word(value)}" for name, value in env]
            return " ".join([*assignments, quoted_command(argv)])
        case Delegation(task=task, agents=agents):
            return f"{visible(task)} → {visible(agents)}"
        case Scaling(from_=before, to=after):
            return f"{visible(before)} → {visible(after)}"
        case Network(egress=egress):
            return visible(egress)


def _plain(text: str) -> bool:
    return len(text) <= 2000 and visible(text) == text


def _ansi_c(character: str) -> str:
    """The character inside ``$'…'`` (bash(1), QUOTING)."""
    if character in "'\\":
        return "\\" + character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return visible(character)
