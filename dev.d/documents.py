"""Checks README.md and docs/: links resolve, and what commands offer is written down."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """All Markdown files that git knows."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).exists()]


def anchors(text: str) -> set[str]:
    """The fragments that a forge gives the headings of ``text``."""
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken_links(document: Path) -> list[str]:
    """One line per link inside the repository that leads nowhere."""
    problems = []
    for target in _LINK.findall(_FENCE.sub("", document.read_text())):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, fragment = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists():
            problems.append(f"{document.relative_to(ROOT)}: {target}: there is no such file")
        elif fragment and path.suffix == ".md" and fragment not in anchors(path.read_text()):
            problems.append(f"{document.relative_to(ROOT)}: {target}: there is no such heading")
    return problems


def undocumented_commands(text: str) -> list[str]:
    """One line per ``./dev`` command that no document names."""
    usage = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True)
    commands = re.findall(r"^  ([a-z]+) ", usage.stdout, re.MULTILINE)
    return [
        f"./dev {name}: no document names it" for name in commands if f"./dev {name}" not in text
    ]


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    files = documents()
    problems = [problem for document in files for problem in broken_links(document)]
    problems += undocumented_commands("\n".join(document.read_text() for document in files))
    print("\n".join(problems or [f"{len(files)} documents: all links and commands resolve"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
