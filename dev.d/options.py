"""Writes docs/options.md from the modules, through nixpkgs' own data (options.nix).

``options.py`` writes; ``options.py --check`` only says whether the file is what it would write.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/options.md"
_TIMEOUT_S = 110.0

Option: TypeAlias = Mapping[str, Any]

_HEAD = """\
# Options
What can be said in a configuration: first the NixOS module, then the modules for home-manager.
Written by `./dev docs` from the modules themselves; [install.md](install.md) shows them at work.
"""
_AGENT = ("nuketown", "agents", "<name>")
_TITLES = {"nixos": "NixOS", "home": "home-manager"}
_PREFACES = {
    "nixos": "`nixosModules.default`.",
    "home": "`homeModules.agents` (`coding.agents`, [agent-definitions.md](agent-definitions.md)),"
    " `homeModules.opencode` (`coding.opencode`) and `homeModules.approval-broker`"
    " (`nuketown.approvalBroker`), or all of them as `homeModules.default`.",
}


def collect() -> dict[str, dict[str, Option]]:
    """All options, by the kind of module and their name.

    :raises RuntimeError: the modules do not evaluate; the text is what Nix says
    """
    argv = ["nix-instantiate", "--eval", "--strict", "--json", str(ROOT / "dev.d/options.nix")]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr)
    collected: dict[str, dict[str, Option]] = json.loads(ran.stdout)
    return collected


def document(collected: Mapping[str, Mapping[str, Option]]) -> str:
    """The whole of docs/options.md."""
    parts = [_HEAD]
    for kind in ("nixos", "home"):
        parts.append(f"# {_TITLES[kind]}\n{_PREFACES[kind]}\n")
        options = sorted(collected[kind].values(), key=_order)
        for title, group in groupby(options, key=_group):
            parts.append(f"## `{title}`\n")
            parts.extend("\n".join(_described(option)) for option in group)
    return "\n".join(parts)


def _order(option: Option) -> tuple[Any, ...]:
    """Those of an agent first; in each group what is said of it alone, `enable` before the rest."""
    path = tuple(option["loc"])
    return (path[:3] != _AGENT, _group(option), path[-1] != "enable", path)


def _group(option: Option) -> str:
    """The option whose parts belong together: the longest path of a named part."""
    path = tuple(option["loc"])
    depth = 4 if path[:3] == _AGENT else 2
    if path[:2] == ("coding", "agents"):
        depth = 3
    head = path[: min(depth, len(path) - 1)]
    return ".".join(head)


def _described(option: Option) -> Iterator[str]:
    yield f"### `{'.'.join(option['loc'])}`"
    yield _prose(option["description"])
    yield ""
    yield f"- type: {_escaped(option['type'])}"
    if option.get("readOnly"):
        yield "- read only"
    for field in ("default", "example"):
        if field in option:
            yield from _value(field, option[field])
    for path in option["declarations"]:
        yield f"- [{path}](../{path})"
    yield ""


def _value(field: str, value: Mapping[str, str]) -> Iterator[str]:
    text = value["text"].strip()
    if value["_type"] != "literalExpression":
        is_word = not re.search(r"[\s`]", text)
        yield f"- {field}: {f'`{text}`' if is_word else _prose(text)}"
    elif "\n" not in text and "`" not in text:
        yield f"- {field}: `{text}`"
    else:
        yield f"- {field}:"
        yield "  ```nix"
        yield from (f"  {line}".rstrip() for line in text.splitlines())
        yield "  ```"


def _prose(description: str | Mapping[str, str]) -> str:
    """Markdown as a forge shows it: roles are nixpkgs' own."""
    text = description if isinstance(description, str) else description["text"]
    text = re.sub(r"\{(?:option|command|file|env|var|manpage)\}(`+[^`]+`+)", r"\1", text.strip())
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", text)


def _escaped(text: str) -> str:
    return re.sub(r"([*_<>|`])", r"\\\1", text)


def _lacking() -> str | None:
    """What of Nix is missing on this machine."""
    if shutil.which("nix-instantiate") is None:
        return "nix-instantiate"
    argv = ["nix-instantiate", "--find-file", "nixpkgs"]
    found = subprocess.run(argv, capture_output=True, timeout=_TIMEOUT_S, check=False)
    return None if found.returncode == 0 else "<nixpkgs>"


def main() -> int:
    """Write or compare; 1 if the file is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    if lacking := _lacking():
        print(f"docs/options.md was not looked at: there is no {lacking} here")
        return 0
    try:
        text = document(collect())
    except RuntimeError as exc:
        print(f"docs/options.md can't be written: {exc}", file=sys.stderr)
        return 1
    if DOCUMENT.exists() and DOCUMENT.read_text() == text:
        print("docs/options.md is as the modules say")
        return 0
    if check:
        print("docs/options.md is not what the modules say: run ./dev docs", file=sys.stderr)
        return 1
    DOCUMENT.write_text(text)
    print("docs/options.md was written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
