"""What ``*`` may not stand for among the operands of a few commands. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nuketown_broker.policy.option_table import Operand
from nuketown_broker.policy.word_set import word_set

_FIELD_MATCH = re.compile(r"[A-Z_][A-Z0-9_]{0,63}=.*", re.DOTALL)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?")
_IP_OBJECTS = word_set(
    "a addr address l link r ro route ru rule n neigh neighbor neighbour nexthop maddr maddress "
    "mroute tunnel tuntap token tcpmetrics macsec netconf"
)
_IP_VERBS = word_set("s sh show l ls lst list get")


def judge_journal_matches(operands: Sequence[Operand]) -> str | None:
    """``journalctl *``: only ``FIELD=value`` and ``+``; a path would be opened (journalctl(1))."""
    for operand in operands:
        if operand.starred and operand.word != "+" and not _FIELD_MATCH.fullmatch(operand.word):
            return f"{operand.word!r} is neither FIELD=value nor +"
    return None


def judge_packages(operands: Sequence[Operand]) -> str | None:
    """``apt-get install *``: package names; a path would be a file with programs of its own."""
    for operand in operands:
        if operand.starred and not _PACKAGE.fullmatch(operand.word):
            return f"{operand.word!r} is not a package's name"
    return None


def judge_ip_words(operands: Sequence[Operand]) -> str | None:
    """``ip *``: what shows. ``ip netns exec`` and ``ip vrf exec`` run programs (ip(8))."""
    if not operands or not any(operand.starred for operand in operands[:2]):
        return None
    words = [operand.word for operand in operands]
    if words[0] not in _IP_OBJECTS:
        return f"* does not stand for what follows ip {words[0]!r}"
    if len(words) > 1 and words[1] not in _IP_VERBS:
        return f"* does not stand for ip {words[0]} {words[1]!r}: only for what shows"
    return None


def judge_no_operands(operands: Sequence[Operand]) -> str | None:
    """Commands whose operands are never everyday words."""
    extra = next((operand.word for operand in operands if operand.starred), None)
    return None if extra is None else f"{extra!r} is no option of it"
