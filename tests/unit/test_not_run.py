"""A group of tests whose real part is missing is named at the end of the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parent.parent / "conftest.py"

TESTS = """
import pytest

@pytest.mark.nix
def test_evaluation(): raise AssertionError("ran without nix")

@pytest.mark.nix
@pytest.mark.slow
def test_long_evaluation(): raise AssertionError("ran without nix")

@pytest.mark.cluster
def test_cluster(): raise AssertionError("ran without a cluster")

@pytest.mark.long
def test_patience(): pass

@pytest.mark.fault
def test_always(): pass
"""


def _run(directory: Path, *arguments: str, **environment: str) -> str:
    (directory / "conftest.py").symlink_to(CONFTEST)
    (directory / "test_groups.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no",
         "-o", "markers=nix\nslow\ncluster\nfault\nlong", *arguments, str(directory)],
        cwd=directory, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def test_missing_groups_are_named_with_reason_and_count(tmp_path: Path) -> None:
    lines = _run(tmp_path, PATH="/nowhere").splitlines()
    assert "not run: nix (no nix-instantiate), 2 tests" in lines
    assert "not run: cluster (KUBEBUILDER_ASSETS is not set), 1 test" in lines
    assert lines[-1].strip("= ").startswith("1 passed, 4 deselected")


def test_the_long_rest_waits_until_it_is_asked_for(tmp_path: Path) -> None:
    lines = _run(tmp_path, "-k", "patience or always", PATH="/nowhere").splitlines()
    assert "not run: long (ask for it: ./dev test -m long), 1 test" in lines
    (tmp_path / "conftest.py").unlink()
    asked = _run(tmp_path, "-m", "long", PATH="/nowhere").splitlines()
    assert asked[-1].strip("= ").startswith("1 passed, 4 deselected")
    assert not [line for line in asked if line.startswith("not run: long")]


def test_a_group_that_was_not_asked_for_is_not_named(tmp_path: Path) -> None:
    assert "not run" not in _run(tmp_path, "-k", "always", "-m", "fault", PATH="/nowhere")


def test_a_present_part_is_used(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("kube-apiserver", "etcd", "kubectl"):
        (tmp_path / "bin" / name).touch(mode=0o755)
    output = _run(tmp_path, PATH="/nowhere", KUBEBUILDER_ASSETS=str(tmp_path / "bin"))
    assert "ran without a cluster" in output
    assert "not run: cluster" not in output


def test_checks_with_nix_are_counted(tmp_path: Path) -> None:
    """Those that failed too: they ran."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nix-instantiate").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "bin/nix-instantiate").chmod(0o755)
    lines = _run(tmp_path, PATH=str(tmp_path / "bin")).splitlines()
    assert "nix: 2 tests ran" in lines
    assert not [line for line in lines if line.startswith("not run: nix")]


def test_where_none_ran_none_are_counted(tmp_path: Path) -> None:
    assert "nix: " not in _run(tmp_path, "-k", "always", PATH="/nowhere")
