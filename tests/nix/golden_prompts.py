"""The examples' prompts as they were last reviewed, in golden/prompts.

After a change that is meant:  ``./dev run python -m tests.nix.golden_prompts``, then read the
difference and commit it with the change.
"""

from __future__ import annotations

from pathlib import Path

from tests.nix_fixture import Nix

DIRECTORY = Path(__file__).parent / "golden/prompts"


def evaluated(nix: Nix) -> dict[str, str]:
    """What the modules say now, by file name."""
    prompts: dict[str, str] = nix.eval("import ./prompts.nix")
    return {f"{name}.md": text for name, text in prompts.items()}


def reviewed() -> dict[str, str]:
    """What was reviewed, by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.iterdir()}


def write(prompts: dict[str, str]) -> None:
    """Make ``prompts`` the ones to review."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for stale in reviewed().keys() - prompts.keys():
        (DIRECTORY / stale).unlink()
    for name, text in prompts.items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(evaluated(Nix()))
