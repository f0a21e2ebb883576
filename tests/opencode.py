"""OpenCode, from its npm package: installed once into the cache, run offline from there."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

# MIT; the package of a platform is one program, 180 MB. "baseline" asks for no newer processor.
_PACKAGES = {"x86_64": "opencode-linux-x64-baseline", "aarch64": "opencode-linux-arm64"}
_MAJOR = "1"  # the form of an agent's file that is rendered here


@functools.cache
def unusable() -> str | None:
    """Why it can't be had here; None if it can. Installs it (about 10 s) where npm can."""
    if platform.machine() not in _PACKAGES or platform.system() != "Linux":
        return f"no package for {platform.machine()} is known"
    if _program().exists():
        return None
    if shutil.which("npm") is None:
        return "no npm"
    return _install()


def _directory() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nuketown-tests"
    return cache / f"opencode-{_MAJOR}"


def _program() -> Path:
    return _directory() / "node_modules" / _PACKAGES[platform.machine()] / "bin/opencode"


def _install() -> str | None:
    directory = _directory()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / "opencode.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _program().exists():
            return None
        new = directory.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(new),
             f"{_PACKAGES[platform.machine()]}@{_MAJOR}"],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(new, ignore_errors=True)
            return "npm can't install it"
        shutil.rmtree(directory, ignore_errors=True)
        new.rename(directory)
    return None


def run(project: Path, home: Path, *arguments: str) -> str:
    """What OpenCode prints, in a project, with a home of its own, without a network."""
    home.mkdir(exist_ok=True)
    ran = subprocess.run(
        [_program(), *arguments],
        cwd=project,
        env={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "http_proxy": "http://127.0.0.1:1",
            "https_proxy": "http://127.0.0.1:1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ran.stdout


def agent(project: Path, home: Path, name: str) -> dict[str, Any]:
    """An agent as OpenCode understood its file: mode, prompt, and the rules in their order."""
    told: dict[str, Any] = json.loads(run(project, home, "debug", "agent", name))
    return told
