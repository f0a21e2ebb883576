"""The agent's SSH key: ``~/.ssh/id_ed25519``, made by ssh-keygen, without a passphrase."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.local_key import LocalKey
from nuketown_daemon.identity.programs import run
from nuketown_daemon.identity.staging import install, private_directory, staging, write_whole


@dataclass(frozen=True)
class StagedKey:
    """A new key pair that is not yet in its place."""

    path: Path
    key: LocalKey


class SshKey:
    """The key pair below ``home``.

    :param comment: what the public key ends in
    """

    def __init__(self, home: Path, *, comment: str) -> None:
        self.path = home / ".ssh" / "id_ed25519"
        self.public_path = self.path.with_name("id_ed25519.pub")
        self._home = home
        self._comment = comment

    @property
    def is_foreign(self) -> bool:
        """The key comes from elsewhere (a secrets backend) and is not ours to replace."""
        return self.path.is_symlink()

    def find(self) -> LocalKey | None:
        """Return the public half of the private key that is there, or None.

        :raises IdentityError: there is one, and it can't be used
        """
        return self._public_half(self.path) if self.path.exists() else None

    @property
    def is_exposed(self) -> bool:
        """Others may read the private half, so that ssh and ssh-keygen refuse it."""
        return self.path.exists() and not self.is_foreign and bool(self.path.stat().st_mode & 0o077)

    def protect(self) -> None:
        """Make the private half its owner's alone."""
        self.path.chmod(0o600)

    def has_public_file(self, key: LocalKey) -> bool:
        """Is the public half in its file, and of this key?"""
        try:
            words = self.public_path.read_text(errors="replace").split()
        except FileNotFoundError:
            return False
        return " ".join(words[:2]) == key.mark

    def write_public_file(self, key: LocalKey) -> None:
        """Put the public half beside the private one."""
        write_whole(self.public_path, f"{key.public}\n".encode(), mode=0o644)

    @contextlib.contextmanager
    def made_aside(self) -> Iterator[StagedKey]:
        """Make a key pair beside the one in use; gone afterwards unless it was installed."""
        private_directory(self.path.parent)
        with staging(self.path.parent) as directory:
            path = directory / self.path.name
            run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self._comment, "-f", path],
                home=self._home,
            )
            yield StagedKey(path, self._public_half(path))

    def install(self, staged: StagedKey) -> None:
        """Put a new key pair in place of the old one, if there is one.

        The private half goes first: from it alone the other can be made again.
        """
        install(staged.path, self.path)
        install(staged.path.with_name(self.public_path.name), self.public_path)

    def remove(self) -> None:
        """Delete both halves."""
        self.path.unlink(missing_ok=True)
        self.public_path.unlink(missing_ok=True)

    def _public_half(self, path: Path) -> LocalKey:
        # With -P, because ssh-keygen would look for somebody to ask.
        done = run(["ssh-keygen", "-y", "-P", "", "-f", path], home=self._home, accept=range(256))
        words = done.stdout.split()
        if done.returncode != 0 or len(words) < 2:
            raise IdentityError(
                f"{path} is no private key that works without a passphrase and is this user's "
                "alone: mend its mode (0600), or move it away and a new one is made."
            )
        return LocalKey(
            mark=f"{words[0]} {words[1]}",
            fingerprint=fingerprint(words[1]),
            public=f"{words[0]} {words[1]} {self._comment}",
        )


def fingerprint(blob: str) -> str:
    """Return what ``ssh-keygen -l`` shows for the base64 text of a public key."""
    try:
        digest = hashlib.sha256(base64.b64decode(blob, validate=True)).digest()
    except binascii.Error:
        return "(not a key)"
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
