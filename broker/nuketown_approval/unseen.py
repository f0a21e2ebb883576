"""Characters that are printable by the letter of Unicode and not seen as what they are. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_BLANK = {
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
    *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
}  # fmt: skip
"""Nothing to see: fillers, joiners, variation selectors."""
_MARKS = 2
"""So many accents a letter may carry; a pile of them paints over other lines."""


def is_blank(character: str) -> bool:
    """Is there nothing to see of it?"""
    return ord(character) in _BLANK


def each_seen(text: str) -> Iterator[tuple[str, bool]]:
    """Every character of ``text``, and False where it is blank or an accent out of place.

    Control and format characters are not looked at: they are True here.
    """
    letter, marks = "", 0
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me"):
            marks += 1
            seen = marks <= _MARKS and _may_carry(letter, character)
            composed = unicodedata.normalize("NFC", letter + character)
            letter = composed if len(composed) == 1 else letter
        else:
            seen = not is_blank(character)
            letter, marks = character, 0
        yield character, seen


def _may_carry(letter: str, mark: str) -> bool:
    """An accent of a language, not one that crosses out, encloses or hides what it stands on."""
    if is_blank(mark) or unicodedata.category(mark) == "Me":
        return False
    return letter.isalpha() and (
        not letter.isascii() or len(unicodedata.normalize("NFC", letter + mark)) == 1
    )
