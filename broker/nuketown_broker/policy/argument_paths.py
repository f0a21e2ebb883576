"""Which files the words of a command name: ``/p``, ``--x=/p``, ``if=/p``, ``-C/p``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SEPARATORS = re.compile(r"[=:,;@#?&|<>(){}\[\]\s'\"+]+")
_ADDRESS = re.compile(r"[0-9a-fA-F.:]+/\d{1,3}")
_URL = re.compile(r"(https?|s?ftps?|ssh|rsync|wss?)://\S*")


@dataclass(frozen=True)
class NamedPaths:
    """Paths among the words of a command."""

    absolute: tuple[str, ...]
    relative: tuple[str, ...]
    """Words (or parts of them) that stand for a path from the working directory."""


def named_paths(words: Iterable[str]) -> NamedPaths:
    """Every path that a word names or may name: rather one too many.

    >>> named_paths(["--x=/p", "if=/q", "-C/r", "./s", "plain", "10.0.0.0/8"])
    NamedPaths(absolute=('/p', '/q', '/r'), relative=('./s',))
    """
    absolute: dict[str, None] = {}
    relative: dict[str, None] = {}
    for word in words:
        if word.startswith("/"):
            absolute[word] = None
        if _ADDRESS.fullmatch(word) or _URL.fullmatch(word):
            continue
        for part in _SEPARATORS.split(word):
            if part.startswith("-"):
                part = part[part.find("/") :] if "/" in part else ""  # noqa: PLW2901
            if part.startswith("/"):
                absolute[part] = None
            elif "/" in part or part in {".", ".."} or part.startswith("~"):
                relative[part] = None
    return NamedPaths(tuple(absolute), tuple(relative))
