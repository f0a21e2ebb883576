"""Bare JIDs as people write them in configuration, brought to the form that servers stamp. Pure.

Only a JID written in the same way is equal to the one on a stanza, and slixmpp takes no other.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

_LONGEST = 1023
"""Bytes of each part (RFC 7622 §3.1)."""
_LOCAL = re.compile(r"""[^\x00-\x20\x7f"&'/:<>@]+""")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_ASCII_IN_LABEL = re.compile(r"[a-z0-9_-]*")
_DOT_OF_ANOTHER_SCRIPT = "\u3002"


def bare_jid(value: str) -> str:
    """Check and normalise a bare JID: case and compatibility forms are one account.

    Profiles: Nodeprep and Nameprep (RFC 6122), which servers apply; RFC 7622 §3.

    :raises ValueError: it is none
    """
    local, _, domain = value.partition("@")
    try:
        local, domain = _prepared(local), _domain(domain.removesuffix("."))
    except ValueError:  # UnicodeError too
        local = ""
    if not _LOCAL.fullmatch(local) or max(map(_size, (local, domain))) > _LONGEST:
        raise ValueError("must be a bare JID such as ada@example.org, without a resource or a port")
    return f"{local}@{domain}"


def _size(part: str) -> int:
    return len(part.encode())


def _prepared(part: str) -> str:
    if part.isascii():
        return part.lower()
    # Only a JID outside ASCII costs the tables their memory.
    from encodings.idna import nameprep  # noqa: PLC0415

    # The tables end with Unicode 3.2; what came later has case as well.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold())
    return nameprep(folded)


def _domain(domain: str) -> str:
    if domain.startswith("[") and domain.endswith("]"):
        ipaddress.IPv6Address(domain[1:-1])
        return domain.lower()
    return ".".join(_label(label) for label in domain.split("."))


def _label(label: str) -> str:
    prepared = _prepared(label)
    if prepared.isascii():
        plain = _LABEL.fullmatch(prepared) is not None
    else:
        from encodings.idna import ToASCII  # noqa: PLC0415

        ToASCII(prepared)  # too long, or no name at all
        ascii_part = "".join(c for c in prepared if c.isascii())
        plain = (
            _ASCII_IN_LABEL.fullmatch(ascii_part) is not None
            and _DOT_OF_ANOTHER_SCRIPT not in prepared
            and "-" not in (prepared[0], prepared[-1])
        )
    if not plain:
        raise ValueError(label)
    return prepared
