"""What keys of several files hold: paths, accounts, hosts, numbers. Pure."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict

from nuketown_approval.jid import bare_jid

STRICT = ConfigDict(extra="forbid", frozen=True)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def absolute(path: Path) -> Path:
    """Return ``path`` with ``~`` and ``~user`` put in.

    :raises ValueError: it is relative, or no path at all
    """
    if CONTROL.search(str(path)):
        raise ValueError("must be a path without control characters")
    try:
        path = path.expanduser()
    except RuntimeError as exc:
        raise ValueError(
            f"begins with {path.parts[0]}, and there is no such home: write the whole path"
        ) from exc
    if not path.is_absolute():
        raise ValueError("must be an absolute path (or begin with ~)")
    return path


def is_loopback(host: str | None) -> bool:
    """Is ``host`` this machine by what it is called, whatever a resolver says? (RFC 6761 §6.3)"""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        pass
    else:
        return value
    try:
        name = value if value.isascii() else value.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split(".")):
        raise ValueError(
            "must be a host's name or address alone, such as xmpp.example.org: a port has a key "
            "of its own"
        )
    return value


def number(value: object) -> object:
    """Return ``value``, which pydantic reads.

    :raises ValueError: it is true or false, which pydantic takes for 1 and 0
    """
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004  (pydantic's contract)
    return value


BareJid = Annotated[str, AfterValidator(bare_jid)]
AbsolutePath = Annotated[Path, AfterValidator(absolute)]
HostName = Annotated[str, AfterValidator(_host)]
Whole = Annotated[int, BeforeValidator(number)]
