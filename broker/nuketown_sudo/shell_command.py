"""What ``-s`` and ``-i`` run: a shell, and its command line if words follow."""

from __future__ import annotations

import os

_UNQUOTED = {*b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$"}


def shell_argv(shell: str, words: list[bytes], *, login: bool) -> list[bytes]:
    """The shell's argv.

    Every character that is no letter, digit, ``_``, ``-`` or ``$`` gets a backslash, and the
    words are joined by spaces: sudo(8), ``--login``.
    """
    name = os.fsencode(shell)
    argv = [b"-" + os.path.basename(name) if login else name]
    if words:
        argv += [b"-c", b" ".join(_escaped(word) for word in words)]
    return argv


def _escaped(word: bytes) -> bytes:
    return b"".join(
        bytes((char,)) if char in _UNQUOTED else b"\\" + bytes((char,)) for char in word
    )
