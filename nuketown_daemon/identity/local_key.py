"""A key of this machine, in the words that it shares with GitHub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LocalKey:
    """The public half of a key."""

    mark: str
    """What the same key has at GitHub: ``TYPE BASE64`` of an SSH key, the id of a GPG key."""
    fingerprint: str
    """For people: ``SHA256:…`` or 40 hexadecimal digits."""
    public: str
    """The text to upload."""
