"""Text from a chat, made fit to be typed into a terminal that Claude Code reads. Pure: no I/O."""

from __future__ import annotations

import unicodedata

_EXITS = frozenset({"exit", "quit", ":q", ":q!", ":wq", ":wq!"})
"""Words that end Claude Code when they are all that is typed."""


def clean(text: str) -> str:
    r"""Return ``text`` without control characters other than newline and tab.

    tmux passes ``ESC[201~`` inside a bracketed paste on to the program, so text with an escape in
    it could leave the paste and press keys. Removed are the categories Cc (C0, DEL and C1, whose
    U+009B is an escape sequence of its own), Cs, Zl and Zp; line ends become newlines.

    >>> clean("a\x1b[201~b\r\nc\td")
    'a[201~b\nc\td'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def as_prompt(text: str) -> str:
    """Return ``text``, cleaned, as a prompt that the model reads.

    To Claude Code's input line a first ``!`` is a shell command that nobody is asked about, a
    first ``/`` a command of its own (a dialog, an end), and ``exit`` the end. What people say in a
    chat is for the model, so such a text gets a word before it. An empty line is never sent off,
    and a last backslash makes a new line of Enter.

    >>> as_prompt("/etc/hosts lacks printer")
    'Task: /etc/hosts lacks printer'
    """
    text = clean(text).strip("\n")
    bare = text.strip()
    if not bare:
        return "Task: (an empty message)"
    if bare.startswith(("!", "/")) or bare.lower() in _EXITS:
        text = f"Task: {bare}"
    return f"{text} " if text.endswith("\\") else text
