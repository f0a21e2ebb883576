"""How a real model is reached from here, for the town's agent too: proxies, and whom to trust."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PROXIES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
AUTHORITIES = ("SSL_CERT_FILE", "NIX_SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
"""Variables that name files with certificates."""


def authorities(environment: Mapping[str, str]) -> dict[str, bytes]:
    """What is in the files that :data:`AUTHORITIES` name, as far as they can be read."""
    found = {}
    for name in AUTHORITIES:
        with suppress(OSError):
            if path := environment.get(name):
                found[name] = Path(path).read_bytes()
    return found


def service_environment(variables: Mapping[str, str]) -> str:
    """A drop-in that sets them for a unit (systemd.exec(5)): no quote, no ``%`` is special."""
    lines = [f'Environment="{_escaped(f"{name}={value}")}"' for name, value in variables.items()]
    return "\n".join(["[Service]", *lines, ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
