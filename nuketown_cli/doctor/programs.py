"""The programs a session needs, and the directory it works in."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nuketown_cli.doctor.finding import Finding, Subject, bad, ok, warn
from nuketown_cli.safe_text import safe_text
from nuketown_daemon.configuration import Configuration
from nuketown_daemon.task import Mode

_RUN_S = 20.0


def check_programs(subject: Subject) -> Iterator[Finding]:
    """git, tmux and Claude Code are there and run; only where this user has an agent."""
    configuration = subject.configuration
    if configuration is None:
        return
    yield _program("git", ["git", "--version"], "install git")
    interactive = configuration.daemon.mode is Mode.INTERACTIVE
    tmux = _program("tmux", ["tmux", "-V"], "install tmux: interactive sessions run in it")
    if tmux.level == "bad" and not interactive:
        tmux = warn(tmux.check, tmux.text, tmux.remedy or "")
    yield tmux
    yield _claude(configuration)
    yield from _projects(configuration.projects_dir)


def _claude(configuration: Configuration) -> Finding:
    cli = configuration.daemon.cli_path or _bundled_cli()
    command = [str(cli)] if cli else list(configuration.daemon.session.command)
    return _program(
        "claude",
        [*command, "--version"],
        "set cli_path in daemon.toml to a claude that runs here (on NixOS: the declared package)",
    )


def _bundled_cli() -> Path | None:
    """The claude inside the SDK's wheel, found without importing the SDK."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "_bundled" / "claude"
    return path if path.exists() else None


def _program(name: str, command: list[str], remedy: str) -> Finding:
    found = shutil.which(command[0])
    if found is None:
        return bad(f"program.{name}", f"{command[0]} was not found", remedy)
    try:
        run = subprocess.run(
            [found, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_RUN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return bad(f"program.{name}", f"{found} does not run ({exc})", remedy)
    said = (run.stdout or run.stderr).decode(errors="replace").strip().splitlines() or [""]
    line = safe_text(said[0][:100], one_line=True)
    if run.returncode:
        return bad(
            f"program.{name}", f"{found} fails with exit code {run.returncode}: {line}", remedy
        )
    return ok(f"program.{name}", f"{line} ({found})")


def _projects(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield warn("projects", f"{path} is not there yet", f"mkdir -p {path}")
    elif not path.is_dir():
        yield bad("projects", f"{path} is not a directory", "correct projects_dir in daemon.toml")
    elif not os.access(path, os.W_OK | os.X_OK):
        yield bad(
            "projects", f"{path} can't be written by this user", f"chown it to this user: {path}"
        )
    else:
        yield ok("projects", f"{path} is writable")
