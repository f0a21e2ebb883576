"""Secrets that stand in a text: a prompt is world-readable wherever it is installed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_KEYS = {
    "a key of Anthropic": r"\bsk-ant-[a-z]+[0-9]{2}-[A-Za-z0-9_-]{16,}",
    "a key of OpenAI": r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|\bsk-[A-Za-z0-9]{40,}\b",
    "a token of GitHub": r"\bgh[opsur]_[A-Za-z0-9]{30,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a token of Slack": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a secret key of AWS": r"(?i)\baws_?secret_?(?:access_?)?key\W{1,4}[A-Za-z0-9/+]{40}\b",
    "a key of Google": r"\bAIza[A-Za-z0-9_-]{35}",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "a private key of age": r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}",
    "a signed token (JWT)": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
}
_PATTERNS = [(what, re.compile(pattern)) for what, pattern in _KEYS.items()]
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:(?P<value>[^\s/@]{3,100})@")
_ASSIGNED = re.compile(
    r"(?i)\b(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?token|auth[_-]?token)\b"
    r"[\"'`]?\s{0,3}(?:=|:|\bis\b:?)\s{0,3}(?P<value>\"[^\"\n]{4,100}\"|'[^'\n]{4,100}'|"
    r"`[^`\n]{4,100}`|[^\s\"'`,;]{6,100})"
)
# What stands where a secret would: a variable, a path, a placeholder, a word of the sentence.
_STAND_IN = re.compile(
    r"(?i)[<{$\[(%/~.*].*"
    r"|.*(?:\.\.\.|…|\*\*\*|xxx|example|placeholder|redacted|your[_ -]|file|path).*"
)
_LETTERS_ONLY = re.compile(r"[^\W\d_]+[.!?)]*")


class Secret(NamedTuple):
    """Where, and what it looks like; the secret itself is not repeated."""

    line: int
    what: str


def secrets_in(text: str) -> Iterator[Secret]:
    """What looks like a secret, in the order of the lines.

    >>> [str(s.what) for s in secrets_in("password: hunter2-is-it")]
    ['a password']
    """
    for number, line in enumerate(text.split("\n"), 1):
        what = _in_line(line)
        if what:
            yield Secret(number, what)


def _in_line(line: str) -> str | None:
    for what, pattern in _PATTERNS:
        if pattern.search(line):
            return what
    for match in _URL.finditer(line):
        if not _STAND_IN.fullmatch(match["value"]):
            return "a password in an address"
    return "a password" if any(map(_is_secret, _ASSIGNED.finditer(line))) else None


def _is_secret(match: re.Match[str]) -> bool:
    quoted = match["value"][0] in "\"'`"
    value = match["value"].strip("\"'`")
    return not _STAND_IN.fullmatch(value) and (quoted or not _LETTERS_ONLY.fullmatch(value))
