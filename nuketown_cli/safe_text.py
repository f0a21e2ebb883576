"""Text from elsewhere, made safe to show: nothing in it moves the cursor or hides a word. Pure."""

from __future__ import annotations

import unicodedata

_CONTROL_PICTURES = 0x2400
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ZERO_WIDTH_JOINERS = frozenset("\u200c\u200d")  # part of ordinary words and emoji


def safe_text(text: str, *, one_line: bool = False) -> str:
    r"""Make control, bidirectional and other invisible characters visible.

    :param one_line: show line breaks and tabs too, instead of keeping them

    >>> safe_text("a\x1b[31mb")
    'a␛[31mb'
    """
    if text.isascii() and text.isprintable():
        return text
    kept = frozenset() if one_line else frozenset("\n\t")
    return "".join(c if c in kept else _visible(c) for c in text)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == 0x7F:
        return "␡"
    if character not in _ZERO_WIDTH_JOINERS and unicodedata.category(character) in _HIDDEN:
        return f"<U+{code:04X}>"
    return character
