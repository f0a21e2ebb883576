"""Why a session failed, in a sentence for people. Pure: no I/O."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from os import PathLike

_SUBTYPES = {
    "error_max_budget_usd": (
        "The task reached its budget and was ended: raise per_task_usd in the [budget] table of "
        "daemon.toml, or ask for less at a time."
    ),
    "error_max_turns": "The session used up its turns before it was done: ask for less at a time.",
}
_STATUSES = {
    401: (
        "The model's API refused the key: put a valid key into api_key_file (daemon.toml), or log "
        "in with claude as the agent's user."
    ),
    403: "The model's API refused this account the model: check what the account may use.",
    413: "The conversation became larger than the model's API accepts: start a new task.",
    429: "The model's API kept refusing because of its rate limit: try again later.",
    529: "The model's API is overloaded and stayed so: try again later.",
}
_TEXTS = (
    (
        "credit balance",
        "The account of the model's API has no credit left: top it up, then say retry.",
    ),
    (
        "prompt is too long",
        "The conversation became longer than the model can read: start a new task.",
    ),
    (
        "login",
        (
            "Claude Code is not logged in: name a file with a key as api_key_file in daemon.toml, "
            "or log in with claude as the agent's user."
        ),
    ),
)
_QUOTE_LIMIT = 300


def result_sentence(
    subtype: str, status: int | None, text: str | None, errors: Sequence[str] | None
) -> str:
    """Sentence for a result of the harness that is an error (SDK: ``ResultMessage``)."""
    if subtype in _SUBTYPES:
        return _SUBTYPES[subtype]
    detail = text or "; ".join(errors or ())
    for part, sentence in _TEXTS:
        if part in detail.lower():
            return sentence
    if status in _STATUSES:
        return _STATUSES[status]
    if status is not None and status >= 500:
        return f"The model's API failed (HTTP {status}) and kept failing: try again later."
    return f"The session failed: {quoted(detail or subtype)}"


def exit_sentence(code: int | None, last_words: Sequence[str]) -> str:
    """Sentence for a harness that ended on its own before it had a result."""
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return (
            f"Claude Code was killed ({name}) in the middle of the task: what it had done so far "
            "is in the workspace; say retry to try again."
        )
    words = f": {quoted(last_words[-1])}" if last_words else "."
    return f"Claude Code ended in the middle of the task (exit status {code}){words}"


def start_sentence(code: int | None, last_words: Sequence[str]) -> str:
    """Sentence for a harness that ended before it was up."""
    words = f": {quoted(last_words[-1])}" if last_words else "; run claude as my user to see why."
    return f"Claude Code did not start (exit status {code}){words}"


def limit_sentence(seconds: float) -> str:
    """Sentence for a task that took as long as it may."""
    limit = f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:g} hours"
    if seconds < 120:
        limit = f"{seconds:g} seconds"
    return f"Stopped: the time limit of {limit} is over."


def gone_sentence(workspace: str | PathLike[str]) -> str:
    """Sentence for a clone that is no longer there when its session shall begin."""
    return f"{workspace} is gone: it was moved or deleted meanwhile."


def quoted(text: str) -> str:
    """``text`` on one line, bounded."""
    line = " ".join(text.split())
    return line if len(line) <= _QUOTE_LIMIT else line[: _QUOTE_LIMIT - 1] + "…"
