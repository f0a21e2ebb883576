"""``*`` in a word of a pattern. Pure, and done in one pass: the other word is an agent's, who could
choose one that keeps a regular expression busy for hours, and every request waits meanwhile.
"""

from __future__ import annotations


def star_matches(expected: str, word: str) -> bool:
    """Is ``word`` ``expected``, with any text where that has a ``*``?

    >>> star_matches("php*-fpm", "php8.2-fpm"), star_matches("a*a", "a")
    (True, False)
    """
    first, star, rest = expected.partition("*")
    if not star:
        return word == expected
    *middle, last = rest.split("*")
    end = len(word) - len(last)
    if end < len(first) or not word.startswith(first) or not word.endswith(last):
        return False
    position = len(first)
    for piece in middle:
        position = word.find(piece, position, end)
        if position < 0:
            return False
        position += len(piece)
    return True


def star_matches_within_slashes(expected: str, word: str) -> bool:
    """Like :func:`star_matches`, but a ``*`` stands for no ``/``."""
    parts, of_word = expected.split("/"), word.split("/")
    return len(parts) == len(of_word) and all(map(star_matches, parts, of_word))
