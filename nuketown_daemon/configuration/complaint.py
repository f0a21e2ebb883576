"""What is wrong with a value, as one sentence with file (or variable), key and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nuketown_approval.configuration import complaint
from nuketown_daemon.configuration.environment import PREFIX


def sentence(directory: Path, files: Mapping[str, Any], error: ValidationError) -> str:
    """The first problem.

    :param files: what was read in ``directory``, by file
    """
    return complaint.sentence(
        error,
        files,
        prefix=PREFIX,
        place=lambda location: (str(directory / f"{location[0]}.toml"), location[1:]),
    )
