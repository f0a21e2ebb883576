"""The answer to a request, bound to its digest, and its signature (Ed25519, RFC 8032)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nuketown_approval.request import ApprovalRequest, Digest, RequestId, canonical_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

Result = Literal["approved", "denied"]


class Verdict(BaseModel):
    """What was decided about one request, once."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: RequestId
    result: Result
    digest: Digest
    """``request_digest`` of the request that was shown or ruled on."""
    expires: int
    """Unix seconds; later it is void."""
    reason: Annotated[str, Field(max_length=500)] = ""
    """One sentence for the asker: who, where, or which rule."""
    signature: Annotated[str, Field(max_length=128)] | None = None
    """Base64 of the Ed25519 signature over :meth:`signed_bytes`."""

    @classmethod
    def on(cls, request: ApprovalRequest, result: Result, reason: str) -> Verdict:
        """Decide ``request``."""
        return cls(
            id=request.id,
            result=result,
            digest=request.request_digest,
            expires=request.expires,
            reason=reason,
        )

    def signed_bytes(self) -> bytes:
        """What is signed: request_digest, verdict, expiry."""
        return b"nuketown-verdict-1\n" + canonical_json(
            {"digest": self.digest, "result": self.result, "expires": self.expires}
        )

    def sign(self, key: Ed25519PrivateKey) -> Verdict:
        """Return it with its signature."""
        signature = base64.b64encode(key.sign(self.signed_bytes())).decode()
        return self.model_copy(update={"signature": signature})

    def answers(self, request: ApprovalRequest, *, now: float) -> bool:
        """Is it about exactly this request, and still in time? (Used once: the caller's part.)"""
        return (
            self.id == request.id
            and self.digest == request.request_digest
            and self.expires == request.expires
            and now < self.expires
        )

    def signed_by(self, key: Ed25519PublicKey) -> bool:
        """Does the signature hold?"""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (memory)

        if self.signature is None:
            return False
        try:
            key.verify(base64.b64decode(self.signature, validate=True), self.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True
