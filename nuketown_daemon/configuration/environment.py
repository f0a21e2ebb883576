"""``NUKETOWN_<FILE>__<KEY>``: the environment over the files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from pydantic import BaseModel

from nuketown_daemon.configuration.places import FILES
from nuketown_daemon.errors import ConfigError

PREFIX = "NUKETOWN_"
_ONE_UNDERSCORE = re.compile(rf"{PREFIX}({'|'.join(FILES)})_(?!_)(\w+)", re.IGNORECASE)
_TWO_UNDERSCORES = re.compile(rf"{PREFIX}(?!BROKER_)([A-Z]+)__\w+", re.IGNORECASE)


def check_names(tables: Mapping[str, type[BaseModel]]) -> None:
    """Find variables that are meant for us and would change nothing.

    :param tables: what each file holds
    :raises ConfigError: one has a spelling that no key has
    """
    for name, value in os.environ.items():
        if match := _ONE_UNDERSCORE.fullmatch(name):
            file, key = match.groups()
            table = tables.get(file.lower())
            # Kubernetes sets NUKETOWN_XMPP_PORT=tcp://… for a service named nuketown-xmpp.
            if table and key.lower() in table.model_fields and not value.startswith("tcp://"):
                raise ConfigError(
                    f"environment variable {name}: changes nothing: write {PREFIX}{file}__{key}, "
                    "with two underscores, or take it out."
                )
        match = _TWO_UNDERSCORES.fullmatch(name)
        if match and match[1].lower() not in FILES:
            raise ConfigError(
                f"environment variable {name}: there is no {match[1].lower()}.toml: correct its "
                f"spelling ({', '.join(FILES).upper()}), or take it out."
            )
