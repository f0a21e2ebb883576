"""The Claude Code command line: how it is started, what it says of itself. No SDK is imported."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.errors import SessionError
from nuketown_daemon.session import hook_command

AT_PROMPT = ("idle", "shell")
"""What :func:`status` is while nothing but a prompt is waited for."""
HOOK_EVENTS = (
    "SessionStart", "UserPromptSubmit", "Stop", "StopFailure", "Notification", "SessionEnd",
)  # fmt: skip
_HOOK_TIMEOUT_S = 5
_PASSED_ON = ("ANTHROPIC_BASE_URL", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC")


def hooks(python: str, socket_path: Path, spool: Path, conversation: str) -> dict[str, Any]:
    """Return the ``hooks`` settings that report to the daemon (code.claude.com/docs/en/hooks).

    In the exec form (``args``) no shell reads them. ``-I -S``: fast, and nothing in the clone that
    is named like a module of the standard library is run.
    """
    script = str(Path(hook_command.__file__).resolve())
    arguments = [
        "-I", "-S", script,
        "--socket", str(socket_path), "--spool", str(spool), "--conversation", conversation,
    ]  # fmt: skip
    command = {
        "type": "command", "command": python, "args": arguments, "timeout": _HOOK_TIMEOUT_S,
    }  # fmt: skip
    return {event: [{"hooks": [command]}] for event in HOOK_EVENTS}


def command(
    configuration: Configuration, *, settings: Path, session_id: str, resume: bool, prompt: str
) -> list[str]:
    """Return the argument vector of an interactive session that begins with ``prompt``."""
    session = configuration.daemon.session
    return [
        *_program(configuration),
        "--settings", str(settings),
        "--resume" if resume else "--session-id", session_id,
        "--permission-mode", session.permission_mode or "acceptEdits",
        *(["--allowedTools", ",".join(session.allowed_tools)] if session.allowed_tools else []),
        "--", prompt,
    ]  # fmt: skip


def _program(configuration: Configuration) -> list[str]:
    words = list(configuration.daemon.session.command)
    cli = configuration.daemon.cli_path
    if cli and words[0] == "claude":
        # In a pane that closes at once nobody would read why.
        if not (cli.is_file() and os.access(cli, os.X_OK)):
            raise SessionError(
                f"{cli} is not a program that I can run: set cli_path in daemon.toml to the "
                "claude executable."
            )
        return [str(cli), *words[1:]]
    # The server that runs it may have another PATH.
    found = shutil.which(words[0])
    if found is None and words[0] == "claude":
        found = _bundled()
    if found is None:
        raise SessionError(
            f"{words[0]} is not on the PATH: install Claude Code, or name it as cli_path in "
            "daemon.toml."
        )
    return [found, *words[1:]]


def _bundled() -> str | None:
    # Found without importing the SDK, which costs 32 MB.
    package = importlib.util.find_spec("claude_agent_sdk")
    for directory in package.submodule_search_locations or () if package else ():
        path = Path(directory) / "_bundled/claude"
        if os.access(path, os.X_OK):
            return str(path)
    return None


def environment(source: Mapping[str, str]) -> dict[str, str]:
    """What a session needs of the daemon's environment although its tmux server may be older."""
    return {name: source[name] for name in _PASSED_ON if name in source}


def status(session_id: str, source: Mapping[str, str]) -> str | None:
    """What Claude Code says it does: ``busy``, ``waiting`` (a dialog), ``idle``, or ``shell``,
    which is idle while a command runs in the background; None: unknown.

    It keeps a file per process in ``sessions/`` of its configuration directory. That is a hint
    only: hooks are not fired when somebody interrupts a turn, and there this is the only sign.
    """
    configured = source.get("CLAUDE_CONFIG_DIR")
    directory = (Path(configured) if configured else Path.home() / ".claude") / "sessions"
    for path in directory.glob("*.json"):
        try:
            content = json.loads(path.read_bytes()[:65536])
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and content.get("sessionId") == session_id:
            if not Path(f"/proc/{content.get('pid')}").exists():
                continue
            return str(content["status"]) if "status" in content else None
    return None


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5)); None: it is gone or dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])
