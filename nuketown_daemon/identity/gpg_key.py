"""The agent's GPG key: ed25519, for signing, without passphrase or expiry, in gpg's own keyring."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.errors import ConfigError, IdentityError
from nuketown_daemon.identity.local_key import LocalKey
from nuketown_daemon.identity.programs import run
from nuketown_daemon.identity.staging import private_directory

# Nobody is there to type a passphrase or to be asked whether it is meant.
_UNATTENDED = ("gpg", "--batch", "--no-tty", "--yes", "--pinentry-mode", "loopback")
_UNUSABLE = frozenset("irde")  # invalid, revoked, disabled, expired: doc/DETAILS of GnuPG, field 2
_NEVER_IN_USER_ID = frozenset('<>()\\":%')


@dataclass(frozen=True)
class _Secret:
    """A secret key as ``--with-colons`` lists it."""

    fingerprint: str
    created: int
    usable: bool
    emails: frozenset[str]


class GpgKey:
    """The signing key of ``name <email>``; with several, the newest that can be used.

    :raises ConfigError: name and email can't be a key's user ID
    """

    def __init__(self, home: Path, *, name: str, email: str) -> None:
        local, at, domain = email.partition("@")
        if not (local and at and domain) or any(
            not "!" <= character <= "~" or character in _NEVER_IN_USER_ID for character in email
        ):
            raise ConfigError(
                "identity.toml: email: must be an address such as ada@example.org: a GPG key is "
                'made for it (or set signing = "ssh" in [github]).'
            )
        self.directory = Path(os.environ.get("GNUPGHOME") or home / ".gnupg")
        self._home = home
        self._email = email
        self._user_id = f"{name} <{email}>"

    def find(self) -> LocalKey | None:
        """Return the key to sign with, or None."""
        keys = self._keys()
        return self._exported(keys[-1].fingerprint) if keys else None

    def make(self) -> LocalKey:
        """Make a key; it is the newest from then on."""
        private_directory(self.directory)
        keys = self._keys()
        if keys:
            # Dates of keys count seconds, and the newest is the one in use.
            time.sleep(min(1.0, max(0.0, keys[-1].created + 1 - time.time())))
        self._gpg(
            "--passphrase", "", "--quick-generate-key", "--", self._user_id,
            "ed25519", "sign", "never",
        )  # fmt: skip
        made = [key for key in self._keys() if key not in keys]
        if not made:
            raise IdentityError(f"gpg made no key for {self._user_id}: try gpg by hand.")
        return self._exported(made[0].fingerprint)

    def remove(self, *, but: LocalKey | None = None) -> list[str]:
        """Delete the secret halves of all keys for the address; return their fingerprints.

        Public halves stay: signatures made before can still be verified here.
        """
        gone = [
            key.fingerprint
            for key in self._keys(usable=False)
            if but is None or key.fingerprint != but.fingerprint
        ]
        for fingerprint in gone:
            self._gpg("--delete-secret-keys", fingerprint)
        return gone

    def _keys(self, *, usable: bool = True) -> list[_Secret]:
        if not self.directory.is_dir():
            return []  # gpg would make it
        listing = self._gpg("--with-colons", "--list-secret-keys")
        return sorted(
            (
                key
                for key in _parse(listing.splitlines())
                if self._email in key.emails and (key.usable or not usable)
            ),
            key=lambda key: (key.created, key.fingerprint),
        )

    def _exported(self, fingerprint: str) -> LocalKey:
        armored = self._gpg("--armor", "--export", fingerprint)
        return LocalKey(mark=fingerprint[-16:], fingerprint=fingerprint, public=armored)

    def _gpg(self, *arguments: str) -> str:
        return run([*_UNATTENDED, *arguments], home=self._home).stdout


def _parse(lines: list[str]) -> Iterator[_Secret]:
    """Read ``sec``, its first ``fpr`` and its ``uid`` records (doc/DETAILS of GnuPG)."""
    blocks: list[list[list[str]]] = []
    for line in lines:
        fields = line.split(":")
        if fields[0] == "sec":
            blocks.append([])
        if blocks and len(fields) > 9:
            blocks[-1].append(fields)
    for block in blocks:
        primary = block[0]
        # A token (#) instead of the secret in field 15 means that only a stub is here.
        here = len(primary) < 15 or primary[14] in ("", "+")
        yield _Secret(
            fingerprint=next(fields[9] for fields in block if fields[0] == "fpr"),
            created=int(primary[5] or 0),
            usable=primary[1] not in _UNUSABLE and "s" in primary[11] and here,
            emails=frozenset(
                fields[9].rpartition("<")[2].removesuffix(">")
                for fields in block
                if fields[0] == "uid" and fields[1] != "r"
            ),
        )
