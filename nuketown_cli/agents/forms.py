"""The forms that definitions are imported from."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """What can be imported."""

    CLAUDE_CODE = "claude-code"
    OPENCODE = "opencode"
    AGENTS_JSON = "agents-json"
