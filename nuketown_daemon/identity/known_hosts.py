"""``~/.ssh/known_hosts``: the host keys that GitHub publishes, and no older ones of that host."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from nuketown_daemon.identity.programs import run
from nuketown_daemon.identity.staging import install, private_directory, staging

# A key as /meta lists it; anything else would be a line of its own making in known_hosts.
_KEY = re.compile(r"(?:ssh-|ecdsa-sha2-|sk-)[A-Za-z0-9@.-]{2,64} [A-Za-z0-9+/]{16,8192}={0,3}")


def published(listed: Collection[object]) -> frozenset[str]:
    """The entries of ``ssh_keys`` (GET /meta) that are keys, ``TYPE BASE64``."""
    return frozenset(key for key in listed if isinstance(key, str) and _KEY.fullmatch(key))


class KnownHosts:
    """The file below ``home``."""

    def __init__(self, home: Path) -> None:
        self.path = home / ".ssh" / "known_hosts"
        self._home = home

    def keys_of(self, host: str) -> frozenset[str]:
        """The keys that ssh takes from ``host``; hashed lines are found as well."""
        if not self.path.exists():
            return frozenset()
        # Exit status 1: none found.
        done = run(["ssh-keygen", "-F", host, "-f", self.path], home=self._home, accept=(0, 1))
        lines = (line.split() for line in done.stdout.splitlines())
        # Lines with a marker (@revoked, @cert-authority) are the user's own and stay.
        return frozenset(
            f"{words[1]} {words[2]}"
            for words in lines
            if len(words) >= 3 and not words[0].startswith(("#", "@"))
        )

    def write(self, host: str, keys: Collection[str]) -> None:
        """Replace the keys of ``host`` by ``keys``; all other lines stay."""
        private_directory(self.path.parent)
        with staging(self.path.resolve().parent) as directory:
            copy = directory / "known_hosts"
            copy.touch(0o600)
            if self.path.exists():
                copy.write_bytes(self.path.read_bytes())
                run(["ssh-keygen", "-R", host, "-f", copy], home=self._home)
            text = copy.read_bytes()
            if text and not text.endswith(b"\n"):
                text += b"\n"
            copy.write_bytes(text + "".join(f"{host} {key}\n" for key in sorted(keys)).encode())
            install(copy, self.path)
