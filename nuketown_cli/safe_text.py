"""Text from elsewhere, made safe to show: nothing in it moves the cursor or hides a word. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from nuketown_approval.unseen import each_seen, is_blank

_CONTROL_PICTURES = 0x2400
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ZERO_WIDTH_JOINERS = frozenset("\u200c\u200d")  # part of ordinary words and emoji
_PRESENTATIONS = frozenset("\ufe0e\ufe0f")  # of the symbol before: as text, as a picture
_LETTERS_WITH_PICTURE = "ℹ‼⁉"


def safe_text(text: str, *, one_line: bool = False) -> str:
    r"""Make control, bidirectional and other invisible characters visible.

    :param one_line: show line breaks and tabs too, instead of keeping them

    >>> safe_text("a\x1b[31mb")
    'a␛[31mb'
    """
    if text.isascii() and text.isprintable():
        return text
    kept = frozenset() if one_line else frozenset("\n\t")
    return "".join(c if fine or c in kept else _shown(c) for c, fine in _each(text))


def unseen_in(text: str) -> str | None:
    """The first character of ``text`` that nobody sees, as :func:`safe_text` shows it."""
    if text.isascii() and text.isprintable():
        return None
    unseen = (c for c, fine in _each(text) if not fine and (_is_hidden(c) or is_blank(c)))
    return next(map(_shown, unseen), None)


def _each(text: str) -> Iterator[tuple[str, bool]]:
    """Every character, and whether it may be shown as it is."""
    before = ""
    for character, seen in each_seen(text):
        if character in _PRESENTATIONS:
            yield character, _has_picture(before)
        else:
            yield character, seen and not _is_hidden(character)
        before = character


def _has_picture(character: str) -> bool:
    if not character or character.isascii():
        return False
    return character in _LETTERS_WITH_PICTURE or unicodedata.category(character) in ("So", "Sm")


def _is_hidden(character: str) -> bool:
    return character not in _ZERO_WIDTH_JOINERS and unicodedata.category(character) in _HIDDEN


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"
