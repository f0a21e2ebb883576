"""Completion, in the real shells, by their real completion scripts."""

from __future__ import annotations

import functools
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.test_cli import Town
from tests.memory_daemon import REPOSITORY, daemon


@pytest.fixture
def town(short_tmp: Path) -> Town:
    """A town with the command installed as ``nuketown`` and the completion scripts beside it."""
    town = Town(short_tmp)
    command = short_tmp / "bin" / "nuketown"
    command.parent.mkdir()
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in town.argv())
    command.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
    command.chmod(0o755)
    town.environment["PATH"] = f"{command.parent}:{town.environment['PATH']}"
    del town.environment["PYTHONWARNINGS"]  # warnings would be shown in the middle of the line
    for shell in ("bash", "zsh", "fish"):
        (short_tmp / f"complete.{shell}").write_bytes(script(shell))
    return town


@functools.cache
def script(shell: str) -> bytes:
    """What a package installs; it depends on nothing but the command's name."""
    run = subprocess.run(
        [sys.executable, "-m", "nuketown_cli"],
        env={"_NUKETOWN_COMPLETE": f"source_{shell}", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, check=True,
    )  # fmt: skip
    return run.stdout


class Terminal:
    """An interactive shell."""

    def __init__(self, argv: list[str], town: Town):
        self.shown = ""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(town.root)
            os.execvpe(argv[0], argv, town.environment | {"PS1": "$ ", "TERM": "dumb"})

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def expect(self, text: str, timeout_s: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self._screen():
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 65536).decode(errors="replace")

    def _screen(self) -> str:
        """What is shown, after backspaces."""
        cells: list[str] = []
        at = 0
        for character in self.shown:
            if character == "\b":
                at = max(0, at - 1)
            else:
                cells[at : at + 1] = [character]
                at += 1
        return "".join(cells)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ". ./complete.bash"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; . ./complete.zsh"),
}


@pytest.fixture(params=["bash", pytest.param("zsh", marks=pytest.mark.shells)])
def terminal(request, town: Town):
    argv, setup = SHELLS[request.param]
    terminal = Terminal(argv, town)
    try:
        terminal.type(f"{setup}; echo set''up\n")
        terminal.expect("setup")
        yield terminal
    finally:
        terminal.close()


@pytest.fixture
def ada(town: Town):
    with daemon(town.agent_socket("ada"), "ada", "--open"):
        assert town.run("ask", "-W", "-p", "hello", "fix").returncode == 0
        run = town.run("ask", "-W", "-p", "hello", "wait `touch owned` \"';touch owned;'")
        assert run.returncode == 0
        yield


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_tab(terminal, ada, town):
    for typed, completed in (
        ("nuketown canc\t", "nuketown cancel "),
        ("\t", "nuketown cancel 2"),  # the first task has ended
        ("\x15nuketown status --agent \t", "--agent ada"),
        ("\x15nuketown ask --project h\t", "--project hello"),
        ("\x15nuketown ask --mode i\t", "--mode interactive"),
    ):
        terminal.type(typed)
        terminal.expect(completed)
    assert not (town.root / "owned").exists()


@pytest.mark.shells
def test_fish(town, ada):
    def complete(line: str) -> list[str]:
        run = subprocess.run(
            ["fish", "--no-config", "-c", f"source complete.fish; complete -C '{line}'"],
            cwd=town.root, env=town.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [offer.split("\t")[0] for offer in run.stdout.splitlines()]

    assert "cancel" in complete("nuketown ")
    assert complete("nuketown cancel ") == ["2"]
    assert complete("nuketown status --agent ") == ["ada"]
    assert complete("nuketown ask --project ") == ["hello"]


@pytest.mark.attack
def test_a_daemon_can_not_smuggle_commands_into_completion(town, ada, short_tmp):
    """A daemon's own name is its word alone; only plain words reach the shell."""
    with daemon(town.runtime_socket, "$(touch owned)"):
        for shell in ("bash", "zsh", "fish"):
            words = "nuketown status --agent "
            run = subprocess.run(
                [str(short_tmp / "bin" / "nuketown")],
                env=town.environment
                | {
                    "_NUKETOWN_COMPLETE": f"complete_{shell}",
                    "_TYPER_COMPLETE_ARGS": words,
                    "_TYPER_COMPLETE_FISH_ACTION": "get-args",
                    "COMP_WORDS": words,
                    "COMP_CWORD": "3",
                },
                capture_output=True,
                text=True,
                check=False,
            )
            assert "ada" in run.stdout
            assert "touch" not in run.stdout


def test_without_any_daemon_nothing_is_offered_and_nothing_said(town):
    run = subprocess.run(
        [str(town.root / "bin" / "nuketown")],
        env=town.environment
        | {
            "_NUKETOWN_COMPLETE": "complete_bash",
            "COMP_WORDS": "nuketown cancel ",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.strip(), run.stderr) == ("", "")
