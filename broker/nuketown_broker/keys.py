"""The approver's key pair (Ed25519): the private half in a file of mode 0600, both in base64."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.secret_file import read_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

# cryptography costs 5 MB, which a broker without keys does not need: imported where it is used.


def generate(path: Path) -> str:
    """Write a new private key to ``path`` and return the public one, for ``approver_key``.

    :raises ApprovalConfigError: something is there already, or it can't be written
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(base64.b64encode(key.private_bytes_raw()) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as exc:
        raise ApprovalConfigError(
            f"{path} exists already: a key is never overwritten; move it away or name another file."
        ) from exc
    except OSError as exc:
        raise ApprovalConfigError(
            f"the key file {path} can't be written ({exc.strerror}): name a place that can."
        ) from exc
    return public_text(key.public_key())


def public_text(key: Ed25519PublicKey) -> str:
    """The public key as ``approver_key`` has it."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def read_private(path: Path) -> Ed25519PrivateKey:
    """Read the private key.

    :raises ApprovalConfigError: it can't be read, others could read it, or it is no such key
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    text = read_secret(path, key="signing_key_file")
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except ValueError as exc:
        raise ApprovalConfigError(
            f"signing_key_file: {path} holds no Ed25519 key: make one with "
            "nuketown approvals keygen."
        ) from exc


def read_public(text: str) -> Ed25519PublicKey:
    """Read ``approver_key``.

    :raises ApprovalConfigError: it is no such key
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError as exc:
        raise ApprovalConfigError(
            "approver_key: is no Ed25519 public key: copy what nuketown approvals keygen printed."
        ) from exc
