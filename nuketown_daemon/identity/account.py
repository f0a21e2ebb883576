"""The agent's account at GitHub: whose the token is, and the keys that are registered there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.answer import missing_scopes, scope_sentence
from nuketown_daemon.identity.errors import NotThere, Rejected, TokenRefused
from nuketown_daemon.identity.github import GitHub
from nuketown_daemon.identity.key_kind import GPG, KeyKind
from nuketown_daemon.identity.known_hosts import published
from nuketown_daemon.identity.local_key import LocalKey
from nuketown_daemon.identity.token import Token

# A key just added may be missing from the list for a moment.
_READ_BACK_WAITS_S = (0.0, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class RemoteKey:
    """A key as the account has it; its title is anybody's who may write there."""

    id: int
    title: str
    mark: str
    verified_emails: frozenset[str] = frozenset()
    """Of a GPG key: addresses (in lower case) for which GitHub shows signatures as verified."""

    def is_(self, key: LocalKey | None) -> bool:
        """Are they the same key?"""
        return key is not None and self.mark == key.mark


@dataclass(frozen=True)
class Holder:
    """Whose the token is."""

    login: str
    scopes: frozenset[str] | None
    expires: datetime | None


def stale(keys: Sequence[RemoteKey], *, title: str, local: LocalKey | None) -> list[RemoteKey]:
    """The keys that this agent on this machine has left behind: its title exactly, another key."""
    return [key for key in keys if key.title == title and not key.is_(local)]


class Account:
    """What the token opens.

    :param title: of this agent's keys of this machine
    """

    def __init__(self, github: GitHub, token: Token, *, title: str) -> None:
        self.title = title
        self._github = github
        self._token = token

    async def holder(self, kinds: Collection[KeyKind]) -> Holder:
        """Ask whose the token is, and whether it may manage keys of ``kinds``.

        :raises TokenRefused: not known, or a classic token without a scope that is needed
        """
        answer = await self._github.get("/user")
        if not isinstance(answer.body, dict) or not isinstance(answer.body.get("login"), str):
            raise IdentityError(
                "/user names no account, so this is not GitHub's API: correct api_url in "
                "identity.toml."
            )
        if answer.scopes is not None and not self._token.fine_grained:
            missing = missing_scopes({kind.scope: kind.name for kind in kinds}, answer.scopes)
            if missing:
                raise TokenRefused(scope_sentence(missing, answer.scopes, self._token.place))
        return Holder(
            answer.body["login"],
            answer.scopes,
            _expiry(answer.headers.get("github-authentication-token-expiration", "")),
        )

    async def keys(self, kind: KeyKind) -> list[RemoteKey]:
        """All keys of the account."""
        return [
            RemoteKey(
                id=item["id"],
                title=str(item.get(kind.title_field) or ""),
                mark=kind.mark(item),
                verified_emails=_verified(item) if kind is GPG else frozenset(),
            )
            for item in await self._github.items(kind.path)
            if isinstance(item.get("id"), int)
        ]

    async def register(self, kind: KeyKind, key: LocalKey) -> RemoteKey:
        """Upload ``key`` and read it back.

        :raises IdentityError: another account has it, or GitHub will not have it
        """
        try:
            await self._github.post(kind.path, kind.upload(self.title, key.public))
        except Rejected as exc:
            # Also the answer to an upload that is repeated because its first answer got lost.
            found = await self._find(kind, key, (0.0,))
            if found is None:
                raise self._not_taken(kind, key, str(exc)) from exc
            return found
        found = await self._find(kind, key, _READ_BACK_WAITS_S)
        if found is None:
            raise IdentityError(
                f"GitHub took the {kind.name} {key.fingerprint} and does not list it: run this "
                "again, and look at githubstatus.com."
            )
        return found

    async def delete(self, kind: KeyKind, key: RemoteKey) -> None:
        """Delete a key of the account; it may be gone already."""
        try:
            await self._github.delete(f"{kind.path}/{key.id}")
        except NotThere:
            return

    async def host_keys(self) -> frozenset[str]:
        """The SSH host keys that GitHub publishes (GET /meta); none if it has none to tell."""
        answer = await self._github.get("/meta")
        listed = answer.body.get("ssh_keys") if isinstance(answer.body, dict) else None
        return published(listed) if isinstance(listed, list) else frozenset()

    async def _find(
        self, kind: KeyKind, key: LocalKey, waits_s: Sequence[float]
    ) -> RemoteKey | None:
        for wait_s in waits_s:
            if wait_s and not self._github.patient:
                break
            await asyncio.sleep(wait_s)
            for remote in await self.keys(kind):
                if remote.is_(key):
                    return remote
        return None

    def _not_taken(self, kind: KeyKind, key: LocalKey, said: str) -> IdentityError:
        if "already" in said:
            return IdentityError(
                f"the {kind.name} {key.fingerprint} is in use at GitHub by another account or as "
                f"a deploy key (GitHub says: {said}): remove it there, or make this agent a new "
                "one with nuketown-identity rotate."
            )
        return IdentityError(
            f"GitHub will not have the {kind.name} {key.fingerprint}: {said}: make a new one with "
            "nuketown-identity rotate."
        )


def _verified(item: dict[str, Any]) -> frozenset[str]:
    emails = item.get("emails")
    return frozenset(
        str(email.get("email")).lower()
        for email in (emails if isinstance(emails, list) else [])
        if isinstance(email, dict) and email.get("verified") is True
    )


def _expiry(text: str) -> datetime | None:
    # "2026-12-24 16:00:00 UTC"; some give an offset, which a date a fortnight off does not need.
    try:
        return datetime.strptime(text[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
