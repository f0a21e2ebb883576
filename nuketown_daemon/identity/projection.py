"""identity.toml as it is at run time: the built one, with what only the running place knows."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from nuketown_daemon.configuration import Identity
from nuketown_daemon.errors import ConfigError

_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def project(built: Path, settings: Sequence[str]) -> str:
    """Merge ``KEY.SUBKEY=VALUE`` settings into the identity.toml ``built``; return the new text.

    :raises ConfigError: the file or a setting can't be used, or is not what the daemon reads
    """
    try:
        table = tomllib.loads(built.read_text())
    except OSError as exc:
        raise ConfigError(f"{built}: can't be read ({exc.strerror}): mend that.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{built}: is not valid TOML ({exc}): mend that line.") from exc
    for setting in settings:
        _set(table, setting)
    try:
        identity = Identity.model_validate(table)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{built} with --set: {where}: {first['msg']}: correct it.") from exc
    # What was set, in the types that the file has, and no defaults: they are the reader's.
    return tomli_w.dumps(identity.model_dump(mode="json", exclude_unset=True, exclude_none=True))


def _set(table: dict[str, Any], setting: str) -> None:
    key, equals, value = setting.partition("=")
    if not equals or not _KEY.fullmatch(key):
        raise ConfigError(f"--set {setting!r}: write KEY=VALUE, for example cloud.provider=gke.")
    *parents, last = key.split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {setting!r}: {parent} is a value in identity.toml, no table.")
    if isinstance(table.get(last), dict):
        raise ConfigError(f"--set {setting!r}: {last} is a table: name a key in it.")
    table[last] = value
