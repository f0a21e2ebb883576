"""The broker's socket: newline-delimited JSON, one object a line (docs/protocol.md).

A client sends one operation a line and reads replies: ``{"ok": true, …}`` or
``{"ok": false, "error": "one sentence"}``. ``request`` and ``watch`` go on with events until the
client closes; closing withdraws the request.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from nuketown_approval.request import ApprovalRequest, Digest, Kind, Name, RequestId, Word
from nuketown_approval.verdict import Verdict

LINE_LIMIT = 256 * 1024
"""Longest line, in bytes, with its newline."""

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Submit(BaseModel):
    """Ask. Only uid 0 may submit ``kind=sudo`` and then names who called sudo."""

    model_config = _STRICT
    op: Literal["request"] = "request"
    request: ApprovalRequest
    submit_uid: int | None = None
    ask: bool = True
    """False (``sudo -n``): no human is asked; pre-approved or granted, or denied at once."""
    stdin_bytes: int | None = None
    """Bytes piped in so far that nobody has seen, where the helper knows."""


class Watch(BaseModel):
    """Tell about pending requests: an agent its own, an answerer all."""

    model_config = _STRICT
    op: Literal["watch"] = "watch"


class ListPending(BaseModel):
    """Pending requests now."""

    model_config = _STRICT
    op: Literal["list"] = "list"


class Give(BaseModel):
    """Answer a request (answerers only)."""

    model_config = _STRICT
    op: Literal["answer"] = "answer"
    id: RequestId
    digest: Digest | None = None
    """``request_digest`` of what the answerer was shown; another request is not answered by it."""
    result: Literal["approved", "denied"]
    minutes: Annotated[int, Field(ge=1, le=60)] | None = None
    """A grant: this exact command for so long."""
    for_task: bool = False
    """A grant: until the agent's task ends, at most 60 minutes."""


class ListGrants(BaseModel):
    """Grants in force: an agent's own (or ``submit_uid``'s, asked by root), an answerer's all."""

    model_config = _STRICT
    op: Literal["grants"] = "grants"
    submit_uid: int | None = None


class Revoke(BaseModel):
    """End grants: one, or all of an agent (``sudo -k``: by root with ``submit_uid``)."""

    model_config = _STRICT
    op: Literal["revoke"] = "revoke"
    grant: str | None = None
    agent: Name | None = None
    submit_uid: int | None = None


class Explain(BaseModel):
    """Which rule would decide this command, and why."""

    model_config = _STRICT
    op: Literal["explain"] = "explain"
    agent: Name
    argv: Annotated[tuple[Word, ...], Field(min_length=1, max_length=256)]


class Allowed(BaseModel):
    """What an agent may do unasked (``sudo -l``): pre-approved patterns and grants."""

    model_config = _STRICT
    op: Literal["allowed"] = "allowed"
    submit_uid: int | None = None


class TaskEnded(BaseModel):
    """The agent's task ended: its grants for the task are over (from its daemon)."""

    model_config = _STRICT
    op: Literal["task-ended"] = "task-ended"


Operation = Annotated[
    Submit | Watch | ListPending | Give | ListGrants | Revoke | Explain | Allowed | TaskEnded,
    Field(discriminator="op"),
]
OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)


class PendingEvent(BaseModel):
    """A request waits for a human, or no longer."""

    model_config = ConfigDict(frozen=True)
    event: Literal["pending", "settled"]
    id: RequestId
    agent: Name
    kind: Kind
    result: str | None = None


class VerdictReply(BaseModel):
    """The end of a ``request``."""

    model_config = ConfigDict(frozen=True)
    ok: Literal[True] = True
    verdict: Verdict
    confined: bool = False
    """Pre-approved or granted: it runs in ``/``, without input or terminal, its path as argv[0]."""


class PendingRequestShown(BaseModel):
    """One pending request, as lists show it."""

    model_config = ConfigDict(frozen=True)
    id: RequestId
    agent: Name
    role: str
    kind: Kind
    host: str
    effect: str
    """The command, shell-quoted, or what is asked for; control characters visible."""
    cwd: str | None
    run_as: str | None
    warnings: tuple[str, ...]
    grant_offered: bool
    digest: Digest
    seconds_left: int


class GrantInForce(BaseModel):
    """One grant, as lists show it."""

    model_config = ConfigDict(frozen=True)
    id: str
    agent: Name
    command: str
    """The command, shell-quoted, control characters visible."""
    seconds_left: int
    for_task: bool
    given_by: str


def reply(**fields: Any) -> dict[str, Any]:
    """A positive reply."""
    return {"ok": True, **fields}
