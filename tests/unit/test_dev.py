"""The command that everything else goes through, and the lock it installs from."""

from __future__ import annotations

import importlib.util
import re
import shutil
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


class Checkout:
    """A directory that dev.d/environment.sh takes for a checkout; nothing is installed there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".venv" / "bin").mkdir(parents=True)
        (root / "requirements.lock").touch()
        (root / "pyproject.toml").touch()
        self.python("exit 0")

    def python(self, script: str) -> None:
        """What the environment's Python does."""
        path = self.root / ".venv" / "bin" / "python"
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def shell(self, script: str) -> str:
        """What a script says that has read environment.sh."""
        known = f"root={self.root}; venv=$root/.venv; source {ROOT}/dev.d/environment.sh"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{known}; {script}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def finish(self) -> None:
        """As at the end of an installation."""
        self.shell('place >"$venv/.place"; printf "%s" "$(contents)$(place)" >"$venv/.stamp"')

    def remade(self) -> bool:
        return "remade" in self.shell("make_environment() { echo remade; }; want_environment")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path / "checkout")
    assert checkout.remade()
    checkout.finish()
    assert not checkout.remade()
    return checkout


def test_what_the_environment_is_made_from_makes_it_anew(checkout: Checkout) -> None:
    (checkout.root / "pyproject.toml").write_text("#")
    assert checkout.remade()


def test_a_copied_checkout_gets_an_environment_of_its_own(
    checkout: Checkout, tmp_path: Path
) -> None:
    """The copy's scripts would run the original's code."""
    copy = Checkout(tmp_path / "copy")
    shutil.copytree(checkout.root / ".venv", copy.root / ".venv", dirs_exist_ok=True)
    assert copy.remade()


def test_a_newer_python_of_the_system_makes_it_anew(checkout: Checkout, tmp_path: Path) -> None:
    """Its packages are in a directory that the new one does not look into."""
    (tmp_path / "python3.12").touch(mode=0o755)
    (checkout.root / ".venv" / "bin" / "python").unlink()
    (checkout.root / ".venv" / "bin" / "python").symlink_to(tmp_path / "python3.12")
    assert checkout.remade()


def test_an_environment_that_was_interrupted_half_way_is_made_anew(checkout: Checkout) -> None:
    """Ctrl-C in the first run leaves a Python without pip, which no second run would mend."""
    (checkout.root / ".venv" / ".stamp").unlink()
    made = "find_python() { echo true; }; want_venv_module() { :; }; make_environment"
    assert "making .venv" not in checkout.shell(made)
    checkout.python("exit 1")
    assert "making .venv" in checkout.shell(made)


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
