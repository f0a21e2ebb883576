"""A whole run has a process beside it for what takes a machine of its own, and one summary."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parent.parent / "conftest.py"
NOTE = """
import os
import pytest
nix = pytest.mark.nix
def note(name):
    open(name, 'w').write(str(os.getpid()))
"""
NIX = """
@nix
def test_good(): note("nix")
@nix
def test_bad():
    print("said before")
    assert 1 == 2
"""
TRIED_TWICE = """
@nix
def test_second_try():
    first = not os.path.exists("tried")
    note("tried")
    assert not first
"""


def _run(directory: Path, nix: str, *arguments: str) -> tuple[int, str]:
    for path, text in (
        ("pytest.ini", "[pytest]\ntestpaths = tests\naddopts = --reruns 1 -r fER\nmarkers = nix\n"),
        ("tests/unit/test_here.py", NOTE + "def test_here(): note('here')\n"),
        ("tests/nix/test_there.py", NOTE + nix),
    ):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    (directory / "tests/conftest.py").symlink_to(CONFTEST)
    (directory / "nix-instantiate").write_text("#!/bin/sh\n")
    (directory / "nix-instantiate").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *arguments],
        cwd=directory, env={"PATH": f"{directory}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_both_are_in_one_summary(tmp_path: Path) -> None:
    status, output = _run(tmp_path, NIX + TRIED_TWICE)
    assert status == 1, output
    assert "1 failed, 3 passed, 2 rerun" in output.splitlines()[-1]
    assert "nix: 3 tests ran" in output
    assert "said before" in output
    assert "FAILED tests/nix/test_there.py::test_bad - assert 1 == 2" in output
    assert re.search(r"^tests/nix/test_there.py \.RFR\. +\[100%\]$", output, re.MULTILINE), output
    assert (tmp_path / "here").read_text() != (tmp_path / "nix").read_text()


def test_who_asks_for_something_gets_one_process(tmp_path: Path) -> None:
    status, output = _run(tmp_path, "@nix\ndef test_good(): note('nix')\n", "tests")
    assert status == 0, output
    assert (tmp_path / "here").read_text() == (tmp_path / "nix").read_text()


def test_a_process_that_dies_is_a_failure(tmp_path: Path) -> None:
    dies = "@nix\ndef test_good(): note('nix')\n@nix\ndef test_dies():\n    os._exit(0)\n"
    status, output = _run(tmp_path, dies)
    assert status == 1, output
    assert "1 tests did not run beside: tests/nix/test_there.py::test_dies" in output
