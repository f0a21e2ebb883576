"""Claude Code's question whether to trust a folder, answered before it is asked.

It asks once for every folder, and at its very first start for a theme; with nobody at the
terminal it would ask for ever. The owner of the agent asked for work in this clone, which is the
answer. Claude Code itself names this remedy: ``projects[FOLDER].hasTrustDialogAccepted`` in its
configuration file. Nothing else of the file is touched, and only this folder is trusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nuketown_daemon.errors import SessionError

_LOCK_TRY_S = 2.0
_LOCK_STALE_S = 10.0


def configuration_file(environment: Mapping[str, str]) -> Path:
    """``$CLAUDE_CONFIG_DIR/.claude.json``, else ``~/.claude.json``."""
    directory = environment.get("CLAUDE_CONFIG_DIR")
    return (Path(directory) if directory else Path.home()) / ".claude.json"


def trust_folder(folder: Path, file: Path) -> None:
    """Write down in Claude Code's configuration that ``folder`` is trusted; blocking.

    :raises SessionError: the file can't be read or written
    """
    key = str(folder.resolve())
    try:
        if _settled(_load(file), key):
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(file):
            configuration = _load(file)
            configuration["hasCompletedOnboarding"] = True
            projects = configuration.setdefault("projects", {})
            projects.setdefault(key, {})["hasTrustDialogAccepted"] = True
            _replace(file, configuration)
    except (OSError, ValueError, AttributeError, TypeError) as exc:
        raise SessionError(
            f"{file}: Claude Code's configuration can't be used ({exc}): mend or remove it."
        ) from exc


def _settled(configuration: dict[str, Any], key: str) -> bool:
    project = configuration.get("projects", {}).get(key, {})
    return bool(
        configuration.get("hasCompletedOnboarding") and project.get("hasTrustDialogAccepted")
    )


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes() or b"{}")
    except FileNotFoundError:
        return {}
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a bad file, not a bad call
    return content


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    # Claude Code's own lock: a directory beside the file, stale after ten seconds.
    lock = file.with_name(f"{file.name}.lock")
    deadline = time.monotonic() + _LOCK_TRY_S
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _LOCK_STALE_S:
                    lock.rmdir()
                    continue
        if time.monotonic() > deadline:
            raise OSError("another program holds its lock")
        time.sleep(0.05)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.rmdir()


def _replace(file: Path, configuration: dict[str, Any]) -> None:
    # A link (home managed elsewhere) stays a link: its target is what is replaced.
    file = file.resolve()
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".claude-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(json.dumps(configuration, ensure_ascii=False))
            os.fchmod(new.fileno(), mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
