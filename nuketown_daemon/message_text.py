"""What people wrap their words in: the agent's name, quotation, quotation marks. Pure."""

from __future__ import annotations

import re

INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
"""What phones and copying leave around words."""
_FENCE = re.compile("```+|~~~+")
_PAIRS = {"`": "`", '"': '"', "'": "'", "“": "”", "”": "”", "„": "“", "‘": "’", "«": "»", "*": "*"}
GREETING = r"(?:hi|hey|hello|hallo|yo|dear|ok|okay|good\s+(?:morning|afternoon|evening))"


def strip_address(text: str, agent: str) -> tuple[str, bool]:
    """Take ``ada, …``, ``hi ada! …``, ``@ada …`` off and tell whether it was there.

    >>> strip_address("Ada: status", "ada"), strip_address("Hey @ada status", "ada")
    (('status', True), ('status', True))
    """
    name = re.escape(agent)
    after_at = r"(?![\w-]|[.@]\w)\s*(?:[,:;.!?，：、]|[—–-]+(?=\s|$))*"
    after_name = r"\s*(?:[,:，：、]|[;.!?—–-]+(?=\s|$)|\n|$)"
    address = re.compile(
        rf"[\s{INVISIBLE}]*(?:{GREETING}[,!]?\s+)?(?:@{name}{after_at}|{name}{after_name})\s*",
        re.IGNORECASE,
    )
    match = address.match(text)
    return (text[match.end() :].strip(), True) if match else (text.strip(), False)


def without_name(text: str, agent: str) -> str:
    """``text`` without the agent's name where it stands, unmarked, at its beginning or its end.

    Good for commands alone: in a sentence it may be part of what is said.

    >>> without_name("ada status", "ada"), without_name("thanks ada!", "ada")
    ('status', 'thanks')
    """
    name = re.escape(agent)
    text = re.sub(rf"^\s*{name}(?=\s)", "", text, flags=re.IGNORECASE)
    return re.sub(rf"[\s,]@?{name}\W*$", "", text, flags=re.IGNORECASE).strip()


def split_quotation(text: str) -> tuple[str, str]:
    r"""The lines quoted with ``>`` before what is said, and what is said.

    >>> split_quotation("> On it: x (hello, task 3).\nstatus")
    ('> On it: x (hello, task 3).', 'status')
    """
    lines = text.strip().split("\n")
    quoted = 0
    while quoted < len(lines) and (
        lines[quoted].startswith((">", "»")) or not lines[quoted].strip()
    ):
        quoted += 1
    return "\n".join(lines[:quoted]).strip(), "\n".join(lines[quoted:]).strip()


def unwrapped(text: str) -> str:
    r"""``text`` without the fence or the marks that stand around all of it.

    >>> unwrapped("```json\n{}\n```"), unwrapped("“status”"), unwrapped("`a` and `b`")
    ('{}', 'status', '`a` and `b`')
    """
    core = text.strip().strip(INVISIBLE).strip()
    first, _, rest = core.partition("\n")
    inside, _, last = rest.rpartition("\n")
    fence = _FENCE.match(first)
    if fence and last.strip() == fence.group() and fence.group() not in inside:
        return inside.strip()
    closing = _PAIRS.get(core[:1])
    inside = core[1:-1]
    if closing and len(core) > 2 and core[-1] == closing and not {core[0], closing} & set(inside):
        return inside.strip()
    return text.strip()
