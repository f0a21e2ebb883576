"""What of the caller's environment reaches the agent of a throw-away town."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuketown_demo.town import Town


def test_where_claude_is_gets_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On NixOS the one bundled in the SDK does not run; ./dev names the declared one."""
    monkeypatch.setenv("NUKETOWN_DAEMON__CLI_PATH", "/nix/store/a-claude-code/bin/claude")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-mine")
    monkeypatch.setenv("NUKETOWN_DAEMON__HEADLESS_MODEL", "mine-too")
    environment = Town(tmp_path, api_url=None).environment
    assert environment["NUKETOWN_DAEMON__CLI_PATH"] == "/nix/store/a-claude-code/bin/claude"
    assert not environment.keys() & {"ANTHROPIC_API_KEY", "NUKETOWN_DAEMON__HEADLESS_MODEL"}
