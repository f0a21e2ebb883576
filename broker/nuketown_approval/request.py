"""The approval request: what is asked, in one form for socket, stanza, screen and digest.

docs/protocol.md describes it for others and has test vectors. Canonical JSON: keys sorted, no
spaces, UTF-8, integers only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

ARGV_LIMIT = 256
"""Most words of a command."""
WORD_LIMIT = 32 * 1024
"""Longest word, in bytes; all of a request together stays below :data:`REQUEST_LIMIT`."""
REQUEST_LIMIT = 128 * 1024
"""Largest canonical request, in bytes."""
TEXT_LIMIT = 2000
"""Longest task, tier or egress, in characters."""

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Kind(StrEnum):
    """What can be asked for; anything else is refused, not shown."""

    SUDO = "sudo"
    DELEGATE = "delegate"
    SCALE = "scale"
    NETWORK = "network"


def _no_surrogates(text: str) -> str:
    text.encode()  # UnicodeEncodeError is a ValueError: pydantic reports it
    return text


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("no file and no account has a name with NUL")
    return _no_surrogates(text)


class Bytes(BaseModel):
    """A word that is not UTF-8: ``{"b64": "…"}`` in JSON."""

    model_config = _STRICT
    b64: Annotated[str, Field(max_length=WORD_LIMIT * 2)]

    def raw(self) -> bytes:
        """The bytes.

        :raises ValueError: not base64, or UTF-8 after all (each word has one form only)
        """
        try:
            value = base64.b64decode(self.b64, validate=True)
        except binascii.Error as exc:
            raise ValueError("b64 is not base64") from exc
        try:
            value.decode()
        except UnicodeDecodeError:
            return value
        raise ValueError("a word in b64 must not be UTF-8: write it as a string")


def _checked_word(word: str | Bytes) -> str | Bytes:
    raw = word.raw() if isinstance(word, Bytes) else _no_surrogates(word).encode()
    if b"\0" in raw:
        raise ValueError("a word can't hold NUL")
    if len(raw) > WORD_LIMIT:
        raise ValueError(f"a word is longer than {WORD_LIMIT} bytes")
    return word


Word = Annotated[str | Bytes, AfterValidator(_checked_word)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
Text = Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT), AfterValidator(_no_surrogates)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RequestId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,32}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
AbsolutePath = Annotated[
    str, Field(max_length=4096), StringConstraints(pattern=r"^/"), AfterValidator(_no_nul)
]


def word_of(raw: bytes) -> str | Bytes:
    """The one form of a word of argv."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Bytes(b64=base64.b64encode(raw).decode())


def raw_of(word: str | Bytes) -> bytes:
    """The word's bytes."""
    return word.raw() if isinstance(word, Bytes) else word.encode()


class RunAs(BaseModel):
    """Who the command runs as."""

    model_config = _STRICT
    user: Annotated[str, Field(max_length=64), AfterValidator(_no_nul)] = "root"
    uid: Annotated[int, Field(ge=0)] = 0
    gid: Annotated[int, Field(ge=0)] = 0
    groups: Annotated[tuple[int, ...], Field(max_length=256)] = (0,)
    """Supplementary groups, sorted."""
    explicit: bool = False
    """``-u`` or ``-g`` was given."""


class SudoCommand(BaseModel):
    """``kind=sudo``: everything that decides what happens."""

    model_config = _STRICT
    kind: Literal[Kind.SUDO] = Kind.SUDO
    argv: Annotated[tuple[Word, ...], Field(min_length=1, max_length=ARGV_LIMIT)]
    path: AbsolutePath
    """The executable that runs, as it was resolved; links not followed."""
    path_sha256: Digest | None = None
    """None: only root can change it (it and every directory above)."""
    env: Annotated[tuple[tuple[str, Word], ...], Field(max_length=64)] = ()
    """Assignments and preserved variables, in order."""
    cwd: AbsolutePath
    run_as: RunAs = RunAs()
    mode: Literal["command", "shell", "login"] = "command"
    """``-s`` is shell, ``-i`` is login."""
    input: Literal["null", "terminal", "pipe"] = "terminal"
    """Where standard input comes from; said in the notice."""


class Delegation(BaseModel):
    """``kind=delegate``: spawn teammates for a task."""

    model_config = _STRICT
    kind: Literal[Kind.DELEGATE] = Kind.DELEGATE
    task: Text
    agents: Text


class Scaling(BaseModel):
    """``kind=scale``: another resource tier."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    kind: Literal[Kind.SCALE] = Kind.SCALE
    from_: Annotated[Text, Field(alias="from")]
    to: Text


class Network(BaseModel):
    """``kind=network``: allow egress."""

    model_config = _STRICT
    kind: Literal[Kind.NETWORK] = Kind.NETWORK
    egress: Text


Payload = Annotated[SudoCommand | Delegation | Scaling | Network, Field(discriminator="kind")]


class ApprovalRequest(BaseModel):
    """One question to a human. The digests are computed, never believed."""

    model_config = _STRICT
    id: RequestId
    nonce: Nonce
    expires: Annotated[int, Field(gt=0)]
    """Unix seconds."""
    timeout: Annotated[int, Field(gt=0, le=3600)]
    """Seconds to wait for an answer."""
    agent: Name
    host: Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_no_surrogates)]
    payload: Payload

    @classmethod
    def new(cls, agent: str, host: str, payload: Payload, *, timeout: int, now: float) -> Self:
        """Make a request with a fresh id and nonce.

        :param timeout: seconds
        :param now: Unix seconds
        """
        return cls(
            id=secrets.token_hex(4),
            nonce=secrets.token_hex(16),
            expires=int(now) + timeout,
            timeout=timeout,
            agent=agent,
            host=host,
            payload=payload,
        )

    @property
    def kind(self) -> Kind:
        """What is asked for."""
        return self.payload.kind

    def effect(self, *, cwd: str | None = None) -> dict[str, Any]:
        """What ``command_digest`` is computed over; ``cwd`` replaces a command's directory."""
        payload = self.payload.model_dump(mode="json", by_alias=True)
        if isinstance(self.payload, SudoCommand):
            # How the terminal is wired and whether -u was typed decide no effect of their own.
            del payload["input"]
            del payload["run_as"]["explicit"]
            if cwd is not None:
                payload["cwd"] = cwd
        return {"agent": self.agent, "host": self.host, **payload}

    @property
    def command_digest(self) -> str:
        """SHA-256, in hex, of what would happen."""
        return _digest(self.effect())

    @property
    def grant_digest(self) -> str:
        """``command_digest`` computed with cwd ``/``: what a grant binds (docs/protocol.md)."""
        return _digest(self.effect(cwd="/"))

    @property
    def request_digest(self) -> str:
        """SHA-256, in hex, of this very question: what a verdict binds."""
        return _digest(
            {**self.effect(), "id": self.id, "nonce": self.nonce, "expires": self.expires}
        )


def canonical_json(value: dict[str, Any]) -> bytes:
    """Keys sorted, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()
