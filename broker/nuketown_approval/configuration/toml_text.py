"""TOML as people's editors write it."""

from __future__ import annotations

import tomllib
from typing import Any


def toml_values(data: bytes) -> dict[str, Any]:
    """What a TOML file holds.

    :raises ValueError: it is none; says why, and what to do
    """
    try:
        return tomllib.loads(data.decode("utf-8-sig"))  # some editors begin with a mark
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ValueError(
            f"line {line} is not text in UTF-8: save the file in that encoding"
        ) from exc
    except tomllib.TOMLDecodeError as exc:
        raise ValueError(f"is not valid TOML ({exc}): mend that line") from exc
