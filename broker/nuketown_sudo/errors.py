"""Why nothing runs. Whatever is raised here ends as one line and a status of sudo's."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818  (what happened, as people say it)
    """Nothing runs; the text is one sentence without sudo's name before it."""

    exit_code = 1

    def __init__(self, sentence: str, *, after: str = "") -> None:
        """:param after: a line of ours to follow it, as sudo's own words for ``-n``"""
        super().__init__(visible(sentence))
        self.after = after


def visible(text: str) -> str:
    """``text`` with nothing in it that a terminal would act on."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class UsageError(Refused):
    """The words after ``sudo`` can't be understood; the usage is shown below the sentence."""
