"""Names for people, made into kebab-case. Pure."""

from __future__ import annotations

import re
import unicodedata

_ROLE = re.compile(r"\s*\([^()]*\)\s*$")
# Letters that Unicode does not take apart into a Latin letter and a mark.
_LATIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
)
_LONGEST = 64


def slug(name: str) -> str:
    """The name in kebab-case; empty where no letter of it is Latin.

    >>> slug("Ünïcode Ägent №2")
    'unicode-agent-no2'
    """
    plain = unicodedata.normalize("NFKD", name.casefold()).translate(_LATIN).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].rstrip("-")


def name_and_role(name: str) -> str:
    """The slug without a role in parentheses at the end.

    >>> name_and_role("Chiron (Assistant)")
    'chiron'
    """
    return slug(_ROLE.sub("", name)) or slug(name)
