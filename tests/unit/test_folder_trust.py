import json
import os
import time
from pathlib import Path

import pytest

from nuketown_daemon.errors import SessionError
from nuketown_daemon.session.folder_trust import configuration_file, trust_folder


def test_only_this_folder_is_trusted_and_the_rest_is_kept(tmp_path: Path) -> None:
    file = tmp_path / ".claude.json"
    file.write_text(json.dumps({"theme": "light", "projects": {"/other": {"a": 1}}}))
    file.chmod(0o600)
    trust_folder(tmp_path / "hello", file)
    content = json.loads(file.read_text())
    assert content["theme"] == "light"
    assert content["projects"].pop("/other") == {"a": 1}
    assert content["projects"] == {str(tmp_path / "hello"): {"hasTrustDialogAccepted": True}}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".claude.json"]


def test_a_folder_that_is_trusted_leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "c/.claude.json"
    trust_folder(tmp_path, file)
    before = file.stat()
    trust_folder(tmp_path, file)
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_ino == before.st_ino


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real/claude.json"
    real.write_text("{}")
    link = tmp_path / ".claude.json"
    link.symlink_to(real)
    trust_folder(tmp_path, link)
    assert link.is_symlink()
    assert json.loads(real.read_text())["hasCompletedOnboarding"] is True


def test_a_lock_left_behind_is_taken_and_a_held_one_is_respected(tmp_path: Path) -> None:
    file = tmp_path / ".claude.json"
    lock = tmp_path / ".claude.json.lock"
    lock.mkdir()
    old = time.time() - 60
    os.utime(lock, (old, old))
    trust_folder(tmp_path, file)
    assert not lock.exists()
    lock.mkdir()
    with pytest.raises(SessionError, match="lock"):
        trust_folder(tmp_path / "another", file)
    assert lock.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"projects": []}', '{"projects": {"X": 1}}'])
def test_a_damaged_file_is_not_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / ".claude.json"
    file.write_text(content.replace("X", str(tmp_path)))
    before = file.read_text()
    with pytest.raises(SessionError, match="mend or remove"):
        trust_folder(tmp_path, file)
    assert file.read_text() == before


def test_the_file_is_where_claude_code_looks(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configuration_file({}) == tmp_path / ".claude.json"
    assert configuration_file({"CLAUDE_CONFIG_DIR": "/c"}) == Path("/c/.claude.json")
