"""The request in its one form, and its digests: the same as nuketown_approval.request computes.

docs/protocol.md describes them and has test vectors; a test compares the two.
"""

from __future__ import annotations

import binascii
import os

from nuketown_sudo import json_text
from nuketown_sudo.errors import Refused

try:  # hashlib loads OpenSSL, which costs as much as the rest of this program
    from _sha2 import sha256 as new_sha256  # type: ignore[import-not-found]  # Python 3.12
except ImportError:
    try:
        from _sha256 import sha256 as new_sha256  # type: ignore[import-not-found]  # Python 3.11
    except ImportError:
        from hashlib import sha256 as new_sha256

__all__ = [
    "absolute_path", "command_digest", "grant_digest", "new_request", "new_sha256",
    "request_digest", "word",
]  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Request = dict[str, Any]

ARGV_LIMIT = 256
WORD_LIMIT = 32 * 1024
REQUEST_LIMIT = 128 * 1024
ENV_LIMIT = 64
GROUPS_LIMIT = 256


def word(raw: bytes) -> str | dict[str, str]:
    """The one form of a word: text, or base64 where it is not UTF-8.

    :raises Refused: longer than a request may hold
    """
    if len(raw) > WORD_LIMIT:
        raise Refused(f"a word of {len(raw)} bytes can't be shown to anybody: put it into a file")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"b64": binascii.b2a_base64(raw, newline=False).decode()}


def absolute_path(raw: bytes) -> str:
    """A path as a request carries it.

    :raises Refused: not UTF-8, not absolute, or too long
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        raise Refused("a directory or program whose name is not UTF-8 can't be asked for") from exc
    if not text.startswith("/") or len(text) > 4096:
        raise Refused("the directory has no absolute name here: change to another one")
    return text


def new_request(
    agent: str, host: str, payload: dict[str, Any], *, timeout_s: int, now: float
) -> Request:
    """A request with a fresh id and nonce.

    :param now: Unix seconds
    :raises Refused: it is larger than a request may be
    """
    if len(payload["argv"]) > ARGV_LIMIT:
        raise Refused(
            f"{len(payload['argv'])} words can't be shown to anybody (at most {ARGV_LIMIT}): "
            "name a directory, or run it in parts"
        )
    if len(payload["env"]) > ENV_LIMIT:
        raise Refused(
            f"{len(payload['env'])} variables can't be shown to anybody (at most {ENV_LIMIT}): "
            "name those you need with --preserve-env=LIST"
        )
    request = {
        "id": os.urandom(4).hex(),
        "nonce": os.urandom(16).hex(),
        "expires": int(now) + timeout_s,
        "timeout": timeout_s,
        "agent": agent,
        "host": host,
        "payload": payload,
    }
    if len(json_text.write(request).encode()) > REQUEST_LIMIT:
        raise Refused(f"a command of more than {REQUEST_LIMIT} bytes can't be shown to anybody")
    return request


def effect(request: Request, *, cwd: str | None = None) -> dict[str, Any]:
    """What ``command_digest`` is computed over; ``cwd`` replaces the directory."""
    payload = dict(request["payload"])
    del payload["input"]
    payload["run_as"] = {
        key: value for key, value in payload["run_as"].items() if key != "explicit"
    }
    if cwd is not None:
        payload["cwd"] = cwd
    return {"agent": request["agent"], "host": request["host"], **payload}


def command_digest(request: Request) -> str:
    """SHA-256, in hex, of what would happen."""
    return _digest(effect(request))


def grant_digest(request: Request) -> str:
    """``command_digest`` computed with cwd ``/``."""
    return _digest(effect(request, cwd="/"))


def request_digest(request: Request) -> str:
    """SHA-256, in hex, of this very question: what a verdict binds."""
    question = {key: request[key] for key in ("id", "nonce", "expires")}
    return _digest({**effect(request), **question})


def _digest(value: dict[str, Any]) -> str:
    return str(new_sha256(json_text.write(value).encode()).hexdigest())
