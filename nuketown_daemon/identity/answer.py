"""What GitHub's answers mean: success, a wait, or a sentence with a remedy. No I/O.

REST API: "Troubleshooting the REST API", "Rate limits for the REST API", "Authenticating to the
REST API" (single sign-on), "Scopes for OAuth apps" (X-OAuth-Scopes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.errors import GitHubUnavailable, NotThere, Rejected, TokenRefused
from nuketown_daemon.identity.key_kind import kind_of

_DOWN = frozenset({500, 502, 503, 504})
_UNTOLD_LIMIT_S = 60.0  # "Otherwise, wait for at least one minute"
_SSO_URL = re.compile(r"url=(https://[^\s;]+)")


@dataclass(frozen=True)
class Answer:
    """One response; names of headers in lower case, the token hidden in all of it."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: Any
    """Parsed JSON; None if there was none."""

    @property
    def message(self) -> str:
        """GitHub's own words."""
        if not isinstance(self.body, dict):
            return ""
        errors = self.body.get("errors")
        words = [str(self.body.get("message") or "")]
        words += [_error_words(error) for error in (errors if isinstance(errors, list) else [])]
        return "; ".join(word for word in words if word)

    @property
    def date(self) -> datetime | None:
        """GitHub's clock."""
        try:
            date = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None
        return date if date.tzinfo else date.replace(tzinfo=UTC)

    @property
    def scopes(self) -> frozenset[str] | None:
        """Scopes of a classic token; a fine-grained one has none to tell."""
        listed = self.headers.get("x-oauth-scopes")
        return frozenset(_words(listed)) if listed is not None else None


def wait_told(answer: Answer) -> float | None:
    """Seconds to wait before the same request again; None if that would not help.

    A reset time is compared with GitHub's own clock: ours may be wrong.
    """
    told = answer.headers.get("retry-after", "")
    after = float(told) if told.isdecimal() else None
    if answer.status in _DOWN:
        return after or 0.0
    if not _is_rate_limit(answer):
        return None
    if after is not None:
        return max(after, 1.0)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        now = (answer.date or datetime.now(UTC)).timestamp()
        return max(float(reset) - now, 1.0)
    return _UNTOLD_LIMIT_S


def refusal(answer: Answer, *, token_place: str, fine_grained: bool) -> IdentityError:
    """The error that an answer of 300 and above stands for.

    :param fine_grained: the token has permissions instead of scopes
    """
    said = f" (GitHub says: {answer.message})" if answer.message else ""
    match answer.status:
        case 401:
            return TokenRefused(
                f"GitHub does not accept the token in {token_place}: it has expired, was revoked, "
                f"or is not whole{said}. Make a new one and write it there."
            )
        case 403 | 404 | 429:
            return _forbidden(answer, token_place, said, fine_grained=fine_grained)
        case 422:
            return Rejected(answer.message or "validation failed")
        case status if status in _DOWN:
            return GitHubUnavailable(f"GitHub is not well: status {status}{said}. Try again later.")
        case status if 300 <= status < 400:
            return IdentityError(
                f"{answer.path} is answered with a redirection, which is not followed with the "
                "token: correct api_url in identity.toml."
            )
    return IdentityError(
        f"{answer.method} {answer.path} failed with status {answer.status}{said}: "
        "is api_url in identity.toml right?"
    )


def missing_scopes(needed: Mapping[str, str], scopes: frozenset[str]) -> list[str]:
    """Those of ``needed`` (scope → what for) that the token lacks."""
    return [scope for scope in needed if scope not in scopes]


def _forbidden(answer: Answer, place: str, said: str, *, fine_grained: bool) -> IdentityError:
    if _is_rate_limit(answer):
        return GitHubUnavailable(
            f"GitHub limits how often this account may ask{said}: nothing is wrong, try later."
        )
    sso = answer.headers.get("x-github-sso", "")
    if sso.startswith("required"):
        url = _SSO_URL.search(sso)
        where = f"open {url[1]} as the account" if url else "authorize it in the token's settings"
        return TokenRefused(
            f"an organization wants the token in {place} authorized for single sign-on: {where}, "
            "then try again."
        )
    kind = kind_of(answer.path)
    scopes = None if fine_grained else answer.scopes
    if kind is not None and scopes is not None and kind.scope not in scopes:
        return TokenRefused(scope_sentence([kind.scope], scopes, place))
    if kind is not None and fine_grained and answer.status == 403:
        accepted = answer.headers.get("x-accepted-github-permissions")
        wants = f" (GitHub: {accepted})" if accepted else ""
        return TokenRefused(
            f'the token in {place} lacks the account permission "{kind.permission}" (read and '
            f"write){wants}: edit the token at GitHub and add it."
        )
    if answer.status == 404:
        return NotThere(
            f"{answer.method} {answer.path}: there is no such thing at GitHub{said}: is api_url in "
            "identity.toml right?"
        )
    return TokenRefused(
        f"GitHub refuses {answer.method} {answer.path} to the token in {place}{said}: check its "
        "permissions, and that the account is not suspended."
    )


def scope_sentence(missing: list[str], scopes: frozenset[str], place: str) -> str:
    """Name the scopes that a classic token lacks."""
    has = ", ".join(sorted(scopes)) or "none"
    return (
        f"the token in {place} lacks {', '.join(missing)} (it has: {has}): edit the token at "
        "GitHub and tick that."
    )


def _is_rate_limit(answer: Answer) -> bool:
    if answer.status == 429:
        return True
    return answer.status == 403 and (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in answer.message.lower()
    )


def _error_words(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code") or "")
    return str(error)


def _words(listed: str) -> list[str]:
    return [word for part in listed.split(",") if (word := part.strip())]
