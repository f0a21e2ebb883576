"""The settings file that a session of Claude Code is started with (``claude --settings FILE``).

It carries what must be in no argument vector and no environment, where every process of the agent
could read it: how to get the API key. Keys: code.claude.com/docs/en/settings (``apiKeyHelper``,
``hooks``).
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nuketown_daemon.errors import SessionError


def session_directory(state_directory: Path, session_id: str) -> Path:
    """Where the daemon keeps what belongs to one session."""
    return state_directory / "sessions" / session_id


def write_settings(
    directory: Path, *, api_key_file: Path | None, hooks: Mapping[str, Any] | None = None
) -> Path:
    """Write ``directory/settings.json`` (0600, replaced as a whole) and return its path.

    :param directory: made (0700) where it is missing; see :func:`session_directory`
    :param api_key_file: file with the API key; None: the harness uses its own login
    :param hooks: the ``hooks`` object as Claude Code reads it
    :raises SessionError: the file can't be written
    """
    settings: dict[str, Any] = {}
    if api_key_file is not None:
        # Claude Code runs the helper with /bin/sh, so this one string has to be a shell line.
        settings["apiKeyHelper"] = f"cat -- {shlex.quote(str(api_key_file))}"
    if hooks:
        settings["hooks"] = dict(hooks)
    target = directory / "settings.json"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(target, json.dumps(settings) + "\n")
    except OSError as exc:
        raise SessionError(
            f"{target}: the session's settings can't be written ({exc.strerror}): "
            "make room or mend the directory's permissions."
        ) from exc
    return target


def _replace(target: Path, text: str) -> None:
    # mkstemp makes the file 0600 whatever the umask says.
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".settings-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
