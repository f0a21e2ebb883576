"""The tables agree with what the programs of this machine say of themselves.

A flag that took a value here would swallow a word that we judged; a value that is none would
become an operand that nobody judged.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest

from nuketown_broker.policy.options import TABLES
from tests.policy_lines import EVERYDAY

_OPTION = re.compile(r"(--?[A-Za-z0-9][\w-]*)(\[?=.*)?")
# Understood, and told by the manual page only.
_UNTOLD = {
    "journalctl": {"--full", "-l", "--help", "--version", "-h"},
    "systemctl": {"--no-legend"},
}
_READ = [
    n for n in ("journalctl", "systemctl", "df", "ss", "dmesg", "lsblk", "free")
    if shutil.which(n)
]  # fmt: skip

_JOURNALCTL_LINES = [
    line for line in EVERYDAY if line.startswith("journalctl") and "journalctl" in _READ
]


def _told(command: str) -> dict[str, str]:
    """Each option that ``--help`` names, with what it says follows: "", "value" or "optional"."""
    text = subprocess.run(
        [command, "--help"], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    told: dict[str, str] = {}
    for line in text.splitlines():
        words, form = _read(line.split())
        told |= dict.fromkeys(words, form)
    return told


def _read(tokens: list[str]) -> tuple[list[str], str]:
    """The options that a line of help begins with, and what follows them."""
    words, form = [], ""
    for token in tokens:
        if found := _OPTION.fullmatch(token.rstrip(",")):
            words.append(found[1])
            form = {"": "", "[": "optional", "=": "value"}[(found[2] or "")[:1]]
        else:
            if words and (token.isupper() or token.startswith("<")):
                form = "value"
            break
    return words, form


@pytest.mark.parametrize("command", _READ)
def test_options_take_values_as_the_program_says(command: str) -> None:
    told = _told(command)
    table = TABLES[command]
    assert len(told) > 5
    for word, option in table.options.items():
        if not word.startswith("--") or word in _UNTOLD.get(command, ()):
            continue
        assert word in told, f"{command} {word} is not in --help"
        if option.value is None:
            assert told[word] in {"", "optional"}, f"{command} {word} takes a value"
        else:
            assert told[word] in {"value", "optional"}, f"{command} {word} takes no value"
            assert told[word] == "value" or option.optional, f"{command} {word} is optional"
    for word in table.joined:
        name = word.removesuffix("=")
        assert name in told or name == "--legend", name
        assert told.get(name, "value") != "", f"{command} {name} takes no value"


@pytest.mark.parametrize("command", _READ)
def test_letters_of_bundles_take_no_value(command: str) -> None:
    told = _told(command)
    for letter in TABLES[command].letters:
        assert told.get(f"-{letter}", "") != "value", f"{command} -{letter} takes a value"


@pytest.mark.attack
@pytest.mark.parametrize(
    ("command", "letters"),
    [("ss", "FDKNfA"), ("dmesg", "CcDEFn"), ("journalctl", "DMi"), ("df", "Btx")],
)
def test_dangerous_letters_are_in_no_bundle(command: str, letters: str) -> None:
    table = TABLES[command]
    for letter in letters:
        assert letter not in table.letters
        for word, option in table.options.items():
            if not word.startswith("--") and option.value is None:
                assert letter not in word[1:]


@pytest.mark.parametrize("line", _JOURNALCTL_LINES)
def test_everyday_lines_are_lines_that_journalctl_takes(line: str) -> None:
    """Every option is read before --version is acted upon."""
    ran = subprocess.run(
        [*shlex.split(line), "--version"], capture_output=True, text=True, check=False, timeout=20
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("systemd ")
