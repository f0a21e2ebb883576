"""How far a conversation got, read after a crash from what the harness wrote down.

Claude Code appends one JSON object a line to ``projects/<directory>/<session id>.jsonl`` in its
configuration directory. The format is its own, so reading is forgiving: what is not understood
counts as unfinished, and an unfinished conversation is continued, never begun again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMPLETE = frozenset({"end_turn", "stop_sequence", "refusal"})
_SYNTHETIC = "<synthetic>"
"""Model name of what the harness says in the model's place: API errors and the like."""


@dataclass(frozen=True)
class Recorded:
    """What a transcript tells."""

    prompt_arrived: bool
    """The message with the id that was asked for is in it."""
    complete: bool
    """The last thing in it is the model's, and it had finished."""
    last_text: str
    """The last thing the model said."""
    counted_cost_usd: float
    """What a resumed process begins counting from (``total_cost_usd`` of its results)."""


def configuration_home() -> Path:
    """Claude Code's own directory (``$CLAUDE_CONFIG_DIR``, else ``~/.claude``)."""
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")


def has_record(session_id: str) -> bool:
    """Is there a transcript that ``session_id`` can be continued from? Blocks on the disk."""
    return bool(_transcripts(session_id))


def read_record(session_id: str, *, prompt_id: str) -> Recorded | None:
    """Return how far ``session_id`` got; None where no transcript tells. Blocks on the disk.

    :param prompt_id: UUID that the prompt was sent with
    """
    files = _transcripts(session_id)
    if not files:
        return None
    said, arrived, complete, cost = False, False, False, 0.0
    last_text = ""
    for entry in _entries(files[0]):
        kind = entry.get("type")
        said = said or kind in ("user", "assistant")
        if kind == "cost-state":
            cost = _number(entry.get("totalCostUSD"), cost)
        elif entry.get("isSidechain"):
            continue
        elif kind == "user":
            arrived = arrived or entry.get("uuid") == prompt_id
            complete = False
        elif kind == "assistant":
            message = entry.get("message")
            message = message if isinstance(message, dict) else {}
            complete = _is_complete(message)
            last_text = _said(message) or last_text
    return Recorded(arrived, complete, last_text, cost) if said else None


def _transcripts(session_id: str) -> list[Path]:
    return sorted((configuration_home() / "projects").glob(f"*/{session_id}.jsonl"))


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # the last line may be cut where a process was killed
                if isinstance(entry, dict):
                    yield entry
    except OSError:
        return


def _is_complete(message: dict[str, Any]) -> bool:
    return message.get("model") != _SYNTHETIC and message.get("stop_reason") in _COMPLETE


def _said(message: dict[str, Any]) -> str:
    content = message.get("content")
    if message.get("model") == _SYNTHETIC or not isinstance(content, list):
        return ""
    texts = [str(b.get("text", "")) for b in content if isinstance(b, dict) and "text" in b]
    return "\n\n".join(text for text in texts if text.strip())


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default
