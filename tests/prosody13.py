"""Prosody 13, from Debian's packages: unpacked once into the cache, run from there."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
from pathlib import Path

SUITE = "trixie"
PACKAGES = ("prosody", "lua-unbound")


def unusable() -> str | None:
    """Why it can't be had here; None if it can."""
    if os.geteuid() != 0:
        return "not root"
    return None if shutil.which("mmdebstrap") else "no mmdebstrap"


def programs() -> Path:
    """The directory with ``prosody`` and ``prosodyctl``; made when absent (about 10 s)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nuketown-tests"
    cache.mkdir(parents=True, exist_ok=True)
    directory = cache / f"prosody-{SUITE}"
    with (cache / "prosody.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            _unpack(directory)
    return directory / "bin"


def _unpack(directory: Path) -> None:
    new = directory.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    (new / "root").mkdir(parents=True)
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=extract", "--mode=root",
         f"--include={','.join(PACKAGES)}", SUITE, str(new / "root")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise RuntimeError(f"mmdebstrap can't unpack Prosody of {SUITE}: {done.stderr.strip()}")
    (new / "bin").mkdir()
    for name in ("prosody", "prosodyctl"):
        _wrap(name, new, directory)
    # No setuid program in the cache.
    subprocess.run(["chmod", "-R", "u-s,g-s", str(new / "root")], check=True)
    new.rename(directory)


def _wrap(name: str, new: Path, directory: Path) -> None:
    """The script told where it lies, and a command that runs it with the C library it came with."""
    script = new / "root/usr/bin" / name
    text = script.read_text()
    for path in ("/usr/lib/prosody", "/etc/prosody"):
        text = text.replace(f"'{path}", f"'{directory / 'root'}{path}")
    script.write_text(text)
    (loader,) = (new / "root/usr/lib").glob("*-linux-gnu*/ld-linux*.so.*")
    tree = directory / "root/usr"
    libraries = tree / "lib" / loader.parent.name
    lua = f"{tree}/share/lua/5.4"
    run = [libraries / loader.name, "--library-path", libraries, tree / "bin/lua5.4"]
    wrapper = new / "bin" / name
    wrapper.write_text(
        "#!/bin/sh\n"
        f"export LUA_PATH={shlex.quote(f'{lua}/?.lua;{lua}/?/init.lua')}\n"
        f"export LUA_CPATH={shlex.quote(f'{libraries}/lua/5.4/?.so')}\n"
        f'exec {shlex.join(map(str, run))} {shlex.quote(f"{tree}/bin/{name}")} "$@"\n'
    )
    wrapper.chmod(0o755)
