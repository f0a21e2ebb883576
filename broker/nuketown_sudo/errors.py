"""Why nothing runs. Whatever is raised here ends as one line and a status of sudo's."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818  (what happened, as people say it)
    """Nothing runs; the text is one sentence without sudo's name before it."""

    exit_code = 1


class UsageError(Refused):
    """The words after ``sudo`` can't be understood; the usage is shown below the sentence."""
