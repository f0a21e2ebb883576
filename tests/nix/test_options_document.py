"""docs/options.md is what the modules say, and says all of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

ROOT = Path(__file__).parents[2]


def test_it_is_current() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "dev.d/options.py", "--check"],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_every_option_is_there(nix: Nix) -> None:
    """Those of a whole NixOS, which may declare more than the modules do alone."""
    names = nix.eval("""
      let
        lib = import <nixpkgs/lib>;
        inherit (import ./nixos.nix {}) options;
        all = lib.optionAttrSetToDocList (lib.getAttrs ["nuketown"] options);
      in map (option: option.name) (lib.filter (option: option.visible && !option.internal) all)
    """)
    described = re.findall(r"^### `([^`]+)`$", (ROOT / "docs/options.md").read_text(), re.MULTILINE)
    assert len(names) > 100
    assert set(names) <= set(described)
    assert len(described) == len(set(described))


def test_every_option_has_a_type_a_description_and_an_example() -> None:
    text = (ROOT / "docs/options.md").read_text()
    entries = [part.split("\n## ", 1)[0] for part in text.split("\n### ")[1:]]
    lacking = {
        entry.partition("\n")[0]: [
            what for what in ("- type: ", "- example: ") if f"\n{what.strip()}" not in entry
        ]
        for entry in entries
        if "\n- read only" not in entry
    }
    assert not {name: what for name, what in lacking.items() if what}
    assert all(entry.split("\n")[1].strip() for entry in entries)
