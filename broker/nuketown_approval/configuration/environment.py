"""Environment variables over a file's keys: ``PREFIX_KEY``, ``PREFIX_TABLE__KEY``."""

from __future__ import annotations

import os
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource


class EnvironmentSource(EnvSettingsSource):
    """Text that should be JSON and is none is left as it is: its type is complained about then,
    with the name of its key.
    """

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Read JSON where the key wants a list or a table."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def variable_for(prefix: str, keys: list[str]) -> str | None:
    """The variable that sets the key at ``keys``, or a table around it; the closest one."""
    wanted = (prefix + "__".join(keys)).upper()
    setting = [
        name
        for name in os.environ
        if wanted == name.upper() or wanted.startswith(name.upper() + "__")
    ]
    return max(setting, key=len, default=None)
