"""The three collections of keys that a GitHub account has, and what a token needs for each.

REST API: users/keys, users/gpg-keys, users/ssh-signing-keys; scopes: "Scopes for OAuth apps";
permissions: "Permissions required for fine-grained personal access tokens".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KeyKind:
    """One collection."""

    name: str
    """For people."""
    path: str
    title_field: str
    """Where the title is; GPG keys call it a name."""
    scope: str
    """Of a classic token: reading, adding and deleting (``write:`` can't delete)."""
    permission: str
    """User permission of a fine-grained token, read and write."""

    def upload(self, title: str, public: str) -> dict[str, str]:
        """Body of the POST."""
        field = "armored_public_key" if self is GPG else "key"
        return {self.title_field: title, field: public}

    def mark(self, listed: dict[str, Any]) -> str:
        """What :attr:`LocalKey.mark` is for a key as GitHub lists it; empty if it says nothing."""
        if self is GPG:
            return str(listed.get("key_id") or "").upper()
        return " ".join(str(listed.get("key") or "").split()[:2])


SSH = KeyKind("SSH key", "/user/keys", "title", "admin:public_key", "Git SSH keys")
GPG = KeyKind("GPG key", "/user/gpg_keys", "name", "admin:gpg_key", "GPG keys")
SSH_SIGNING = KeyKind(
    "SSH signing key",
    "/user/ssh_signing_keys",
    "title",
    "admin:ssh_signing_key",
    "SSH signing keys",
)
KINDS = (SSH, GPG, SSH_SIGNING)


def kind_of(path: str) -> KeyKind | None:
    """The collection that a request to ``path`` is about."""
    return next((kind for kind in KINDS if path.startswith(kind.path)), None)
