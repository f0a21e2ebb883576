"""Real repositories for the tests of workspaces, made with the real git.

Import the fixture: it then applies to every test of the module.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

IDENTITY = """\
[user]
\tname = Ada
\temail = ada@example.org
[init]
\tdefaultBranch = main
"""


@pytest.fixture(autouse=True)
def git_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a git identity of its own; the machine's git configuration is not read."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(IDENTITY)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_SSH_COMMAND", "GIT_ALLOW_PROTOCOL"):
        monkeypatch.delenv(name, raising=False)
    return home


def git(directory: Path, *arguments: str) -> str:
    """Run git as a person in ``directory`` would."""
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")},
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def commit(clone: Path, name: str, text: str | None = None) -> str:
    """Commit a file named ``name`` and return the commit's id."""
    (clone / name).write_text(text if text is not None else f"{name}\n")
    git(clone, "add", "--", name)
    git(clone, "commit", "--quiet", "-m", f"Add {name}")
    return git(clone, "rev-parse", "HEAD").strip()


def make_remote(path: Path, *, branches: tuple[str, ...] = ()) -> Path:
    """Make a bare repository with one commit on ``main``, and one more on each of ``branches``."""
    work = path.with_name(path.name + "-work")
    work.mkdir(parents=True)
    git(work, "init", "--quiet", "-b", "main")
    commit(work, "README")
    for branch in branches:
        git(work, "switch", "--quiet", "-c", branch, "main")
        commit(work, f"on-{branch.replace('/', '-')}")
    git(work, "switch", "--quiet", "main")
    git(path.parent, "clone", "--quiet", "--bare", str(work), str(path))
    return path


def push_branch(remote: Path, branch: str, file: str) -> str:
    """Add ``branch`` with one commit to the remote, as a colleague would."""
    work = remote.with_name(remote.name + "-work")
    git(work, "switch", "--quiet", "-c", branch, "main")
    head = commit(work, file)
    git(work, "push", "--quiet", str(remote), branch)
    return head


def make_clone(remote: Path, path: Path) -> Path:
    """Clone ``remote``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    git(path.parent, "clone", "--quiet", str(remote), str(path))
    return path
