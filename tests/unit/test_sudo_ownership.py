"""Which files only root can change: every mode, owner and link on the way counts."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuketown_sudo.ownership import only_root_can_change

CHECKOUT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def roots() -> Iterator[Path]:
    """A directory that is root's alone, and so is everything above."""
    path = Path(tempfile.mkdtemp(prefix="nuketown-test-", dir="/run"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.root
def test_modes_owners_and_links(roots: Path) -> None:
    (roots / "d").mkdir(mode=0o755)
    file = roots / "d" / "file"
    file.write_text("x")
    assert only_root_can_change(str(file))
    for path in (file, file.parent, roots):
        before = stat.S_IMODE(path.stat().st_mode)
        for mode in (before | 0o020, before | 0o002, before | 0o1002):
            path.chmod(mode)
            assert not only_root_can_change(str(file)), (path, oct(mode))
        path.chmod(before)
        os.chown(path, 65534, 0)
        assert not only_root_can_change(str(file)), path
        os.chown(path, 0, 0)
    assert only_root_can_change(str(file))
    (roots / "link").symlink_to("d/../d/file")
    assert only_root_can_change(str(roots / "link"))
    os.chown(roots / "link", 65534, 0, follow_symlinks=False)
    assert not only_root_can_change(str(roots / "link"))


@pytest.mark.root
def test_a_sticky_directory_of_a_group_keeps_what_is_roots(roots: Path) -> None:
    """As the Nix store: root:nixbld 1775."""
    file = roots / "file"
    file.write_text("x")
    roots.chmod(0o1775)
    assert only_root_can_change(str(file))
    os.chown(file, 65534, 0)
    assert not only_root_can_change(str(file))


@pytest.mark.root
def test_ways_that_lead_elsewhere(roots: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (roots / "out").symlink_to(tmp_path / "file")
    os.chown(tmp_path, 65534, 0)
    assert not only_root_can_change(str(roots / "out"))
    (roots / "round").symlink_to("round")
    assert not only_root_can_change(str(roots / "round"))
    assert not only_root_can_change(str(roots))  # a directory is no program
    assert not only_root_can_change(str(roots / "none"))
    assert not only_root_can_change("relative")
    assert not only_root_can_change(str(roots / "out" / "below"))


def test_few_modules_are_imported() -> None:
    """Each costs something at every sudo: these cost the most and must stay away."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import nuketown_sudo.__main__; "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-ISs", "-c", program, str(CHECKOUT / "broker")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = set(done.stdout.split())
    costly = {"re", "enum", "json", "socket", "hashlib", "typing", "dataclasses", "signal",
              "subprocess", "pathlib", "base64", "struct", "functools", "site"}  # fmt: skip
    assert loaded & costly == set()
    allowed = {name for name in loaded if name.partition(".")[0] in sys.stdlib_module_names}
    assert {name.partition(".")[0] for name in loaded - allowed} <= {"nuketown_sudo", "__main__"}
