"""What of a session's stream is worth reading, in a line. Pure: no I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

TEXT_LIMIT = 1000
"""Longest progress text, in characters."""
_LINE_LIMIT = 120
_SUBJECTS = (
    "description",
    "file_path",
    "notebook_path",
    "command",
    "pattern",
    "url",
    "query",
    "skill",
)


def said(text: str) -> str:
    """What the model said, without control characters and bounded."""
    clean = "".join(c for c in text.strip() if c in "\n\t" or unicodedata.category(c) != "Cc")
    return clean if len(clean) <= TEXT_LIMIT else clean[: TEXT_LIMIT - 1].rstrip() + "…"


def tool_line(name: str, tool_input: Mapping[str, Any], workspace: PurePath) -> str | None:
    """One line about a tool call; None for our own tools, which speak for themselves."""
    if name.startswith("mcp__nuketown__"):
        return None
    subject = next((tool_input[key] for key in _SUBJECTS if tool_input.get(key)), "")
    line = " ".join(str(subject).split()).replace(f"{workspace}/", "")
    whole = said(f"{name}: {line}" if line else name)
    return whole if len(whole) <= _LINE_LIMIT else whole[: _LINE_LIMIT - 1].rstrip() + "…"
