"""A Debian root file system for containers: built once, kept in the cache, never written to."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from nuketown_daemon.errors import NuketownError

# The release whose own Python runs the project's environment.
SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}
PACKAGES = (
    "dbus", "dbus-user-session", "git", "libpam-systemd", "passwd", "python3", "systemd",
    "systemd-sysv", "procps", "sudo", "tmux",
)  # fmt: skip


def unusable() -> str | None:
    """Why the environment that runs this can't run in a Debian container; None if it can."""
    version = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    if sys.version_info[:2] not in SUITES:
        return f"no Debian release with {version} is known"
    if not os.path.realpath(sys.executable).startswith("/usr/bin/"):
        return f"{version} here is not the system's, so a container can't run it"
    return None


def root(more: Sequence[str] = ()) -> Path:
    """The directory of the root file system; built when absent (about 25 s, 60 MB to fetch).

    :param more: packages besides :data:`PACKAGES`
    :raises NuketownError: it can't be built
    """
    directory = _directory(more)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            _build(SUITES[sys.version_info[:2]], (*PACKAGES, *more), directory)
    return directory


def is_built(more: Sequence[str] = ()) -> bool:
    """Is :func:`root` there already, and so a matter of a moment?"""
    return _directory(more).exists()


def _directory(more: Sequence[str]) -> Path:
    digest = hashlib.sha256(" ".join((*PACKAGES, *more)).encode()).hexdigest()[:8]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nuketown-tests"
    return cache / f"{SUITES[sys.version_info[:2]]}-{digest}"


def _build(suite: str, packages: Sequence[str], directory: Path) -> None:
    new = directory.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)  # what a killed run left; mmdebstrap leaves no mounts
    mirror = _mirror(suite)
    command = [
        "mmdebstrap", "--quiet", "--variant=apt", "--mode=root", f"--include={','.join(packages)}",
        # Waiting for a network or probing a console would only slow the boot down.
        '--customize-hook=systemctl --root="$1" mask getty@tty1.service console-getty.service '
        "apt-daily.timer apt-daily-upgrade.timer systemd-networkd-wait-online.service",
        '--customize-hook=rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*',
        suite, str(new), *([f"deb {mirror} {suite} main"] if mirror else []),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise NuketownError(f"mmdebstrap can't make a Debian {suite}: {_reason(done.stderr)}")
    new.rename(directory)


def _reason(said: str) -> str:
    """The first error among what mmdebstrap printed, or the end of it."""
    lines = said.strip().splitlines() or ["it says nothing"]
    return next((line for line in lines if line.startswith("E: ")), lines[-1])


def _mirror(suite: str) -> str | None:
    """The mirror this machine's apt uses for ``suite``, or for any Debian; None: the default."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)\t$(RELEASE)\t$(REPO_URI)",
         "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    sources = [line.split("\t") for line in listing.stdout.splitlines()]
    debian = [source for source in sources if source[0] == "Debian" and "security" not in source[1]]
    ranked = sorted(debian, key=lambda source: source[1] != suite)
    return ranked[0][2] if ranked else None
