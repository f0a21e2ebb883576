"""Why nothing runs. Whatever is raised here ends as one line and a status of sudo's."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818  (what happened, as people say it)
    """Nothing runs; the text is one sentence without sudo's name before it."""

    exit_code = 1

    def __init__(self, sentence: str, *, after: str = "") -> None:
        """:param after: a line of ours to follow it, as sudo's own words for ``-n``"""
        super().__init__(visible(sentence))
        self.after = after


_BLANK = {
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
    *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
}  # fmt: skip
_MARKS = 2


def visible(text: str) -> str:
    """``text`` with nothing in it that a terminal would act on, or that nobody sees.

    As nuketown_approval.log_output has it, which this package does not import.
    """
    if text.isascii() and text.isprintable():
        return text
    import unicodedata  # noqa: PLC0415 -- not at every start

    shown, letter, marks = [], "", 0
    for char in text:
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            composed = unicodedata.normalize("NFC", letter + char)
            carried = letter.isalpha() and (not letter.isascii() or len(composed) == 1)
            seen = carried and marks <= _MARKS and unicodedata.category(char) == "Mn"
            letter = composed if len(composed) == 1 else letter
        else:
            seen, letter, marks = char.isprintable(), char, 0
        shown.append(char if seen and ord(char) not in _BLANK else ascii(char)[1:-1])
    return "".join(shown)


class UsageError(Refused):
    """The words after ``sudo`` can't be understood; the usage is shown below the sentence."""
