"""The command that everything else goes through, and the lock it installs from."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()


def _dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "dev", *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_names_versions_and_hashes_and_nothing_else() -> None:
    entries = re.sub(r" \\\n +", " ", LOCK).splitlines()
    assert entries[0].startswith("#")
    for entry in entries[1:]:
        assert re.fullmatch(
            r"[a-z0-9.-]+==[A-Za-z0-9.+!]+( ; [^#:/]+)?( --hash=sha256:[0-9a-f]{64})+", entry
        ), entry[:80]


def test_the_lock_has_all_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
    ]
    locked = {_normal(name) for name in re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE)}
    wanted = {_normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in named}
    assert wanted <= locked


def test_run_keeps_arguments_and_exit_status() -> None:
    program = "import sys; print(sys.prefix); print(sys.argv[1:]); sys.exit(7)"
    done = _dev("run", "python", "-c", program, "a b", "", "$(id)", "--yes")
    assert done.returncode == 7
    assert done.stdout.splitlines() == [str(ROOT / ".venv"), "['a b', '', '$(id)', '--yes']"]


@pytest.mark.parametrize("arguments", [("nonsense",), ("--nonsense",), ("run",)])
def test_a_wrong_call_is_one_sentence(arguments: tuple[str, ...]) -> None:
    done = _dev(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("dev: ")


@pytest.fixture
def documents(tmp_path: Path) -> ModuleType:
    """dev.d/documents.py, looking at a repository of this test's."""
    spec = importlib.util.spec_from_file_location("documents", ROOT / "dev.d" / "documents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.__dict__["ROOT"] = tmp_path
    return module


def test_broken_links_are_found(documents: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(
        "# What `it` does, and why\n```\n[not a link](nowhere)\n```\n"
        "[ok](../README.md) [ok](#what-it-does-and-why) [web](https://example.org/x)\n"
        "[gone](b.md) [no heading](../README.md#usage)\n"
    )
    (tmp_path / "README.md").write_text("# Nuketown\n[ok](docs/a.md#what-it-does-and-why)\n")
    assert documents.broken_links(tmp_path / "README.md") == []
    assert documents.broken_links(tmp_path / "docs" / "a.md") == [
        "docs/a.md: b.md: there is no such file",
        "docs/a.md: ../README.md#usage: there is no such heading",
    ]


def test_the_systemd_library_stays_optional() -> None:
    """It needs a compiler; the notify protocol works without it, and is tested without it."""
    assert "systemd-python==" not in LOCK
