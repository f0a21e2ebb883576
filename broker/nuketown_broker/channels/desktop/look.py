"""How an agent's windows look: a colour and a pattern drawn from its name, always the same ones."""

from __future__ import annotations

import colorsys
import contextlib
import hashlib
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ICON_CELLS = 6
_CELL_PIXELS = 8
_GTK_VERSIONS = ("3.0", "4.0")
_KEPT = ("gtk-3.0/settings.ini", "gtk-4.0/settings.ini", "dconf", "fontconfig")
"""The human's own settings, which a directory of our own must not take away."""

_STYLE = """\
dialog, window.dialog, window.messagedialog {{
  border-top: 12px solid {colour};
  background-image: linear-gradient(alpha({colour}, 0.14), alpha({colour}, 0.05));
}}
dialog > box, window.dialog > box, window.messagedialog > box {{ margin-top: 12px; }}
dialog label, window.dialog label, window.messagedialog label {{ font-family: monospace; }}
dialog button label, window.dialog button label, window.messagedialog button label {{
  font-family: sans-serif;
}}
"""


@dataclass(frozen=True)
class Look:
    """Where an agent's look lies, for the environment and the options of a window."""

    icon_name: str
    icon_file: Path
    config_home: Path
    data_directory: Path


def colour_of(agent: str) -> str:
    """``#rrggbb``, dark enough for a light theme and light enough for a dark one.

    >>> colour_of("ada") == colour_of("ada") != colour_of("vox")
    True
    """
    digest = hashlib.sha256(agent.encode()).digest()
    hue, lightness = digest[0] / 256, 0.38 + digest[1] / 256 * 0.18
    red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb(hue, lightness, 0.7))
    return f"#{red:02x}{green:02x}{blue:02x}"


def prepare_look(directory: Path, agent: str, environment: Mapping[str, str]) -> Look:
    """Write the agent's style and icon below ``directory`` (mode 0700).

    :param agent: a name that the request's model has checked: no path
    :raises OSError: the directory can't be written
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = directory / agent
    icon = home / "share/icons" / f"nuketown-{agent}.png"
    for version in _GTK_VERSIONS:
        style = home / f"gtk-{version}" / "gtk.css"
        style.parent.mkdir(parents=True, exist_ok=True)
        style.write_text(_STYLE.format(colour=colour_of(agent)))
    icon.parent.mkdir(parents=True, exist_ok=True)
    icon.write_bytes(_icon(agent))
    _link_settings(home, environment)
    return Look(icon.stem, icon, home, home / "share")


def _link_settings(home: Path, environment: Mapping[str, str]) -> None:
    users = environment.get("XDG_CONFIG_HOME") or str(
        Path(environment.get("HOME") or "/nonexistent") / ".config"
    )
    for name in _KEPT:
        link, target = home / name, Path(users) / name
        if target.exists() and not os.path.lexists(link):
            with contextlib.suppress(FileExistsError):
                link.symlink_to(target)


def _icon(agent: str) -> bytes:
    """A pattern of squares, mirrored, in the agent's colour: a PNG (RFC 2083)."""
    bits = int.from_bytes(hashlib.sha256(b"icon " + agent.encode()).digest(), "big")
    red, green, blue = bytes.fromhex(colour_of(agent)[1:])
    on, off = bytes((red, green, blue, 255)), bytes((red, green, blue, 48))
    half = _ICON_CELLS // 2
    rows = b""
    for row in range(_ICON_CELLS):
        cells = [bits >> (row * half + column) & 1 for column in range(half)]
        line = b"".join((on if cell else off) * _CELL_PIXELS for cell in [*cells, *cells[::-1]])
        rows += (b"\0" + line) * _CELL_PIXELS
    side = _ICON_CELLS * _CELL_PIXELS
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )
