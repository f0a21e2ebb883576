"""The installed command renders by the library that is installed with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nuketown_cli.agents.nix_library import Request, Tool, render
from tests.nix.golden_agents import ROSTER
from tests.nix.test_packages import BUILT
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix


def test_installed(nix: Nix, tmp_path: Path) -> None:
    installed = nix.build(BUILT, environment=sys.prefix)
    kept = ("PATH", "NIX_PATH", "NIX_CONF_DIR", "NIX_CONFIG")
    subprocess.run(
        [installed / "bin/nuketown", "agents", "render", "claude-code", ROSTER, "--into", "."],
        cwd=tmp_path,
        env={key: os.environ[key] for key in kept if key in os.environ} | {"HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    names = tuple(sorted(path.parent.name for path in ROSTER.glob("*/agent.toml")))
    [expected] = render(ROSTER, [Request(Tool.CLAUDE_CODE, names)])
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert expected.files.keys() <= files
    for path, text in expected.files.items():
        assert (tmp_path / path).read_bytes().decode() == text
