"""Names for people, made into kebab-case. Pure."""

from __future__ import annotations

import re
import unicodedata

_ROLE = re.compile(r"\s*\([^()]*\)\s*$")
# Letters that Unicode does not take apart, or that people take apart in another way; as
# nixos-modules/lib/agents/slug.nix has them.
_LATIN = str.maketrans(
    {
        "ä": "ae", "æ": "ae", "ö": "oe", "ø": "oe", "œ": "oe", "ü": "ue", "ß": "ss", "þ": "th",
        "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŀ": "l", "ł": "l", "ŋ": "n", "ŧ": "t",
    }
)  # fmt: skip
_LONGEST = 64


def slug(name: str) -> str:
    """The name in kebab-case; empty where no letter of it is Latin.

    >>> slug("Ünïcode Ägent №2")
    'uenicode-aegent-no2'
    """
    composed = unicodedata.normalize("NFC", name.lower()).translate(_LATIN)
    plain = unicodedata.normalize("NFKD", composed).lower()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].rstrip("-")


def name_and_role(name: str) -> str:
    """The slug without a role in parentheses at the end.

    >>> name_and_role("Chiron (Assistant)")
    'chiron'
    """
    return slug(_ROLE.sub("", name)) or slug(name)
