"""A stage for the portal's programs: their own text, real tmux, stand-ins at the edges.

``machinectl`` runs the program it is given in a clean environment with the agent's home, under this
account; ``nuketown`` writes down its words and opens the session that a daemon would; ``fzf`` takes
the line that the test wants. The real ones play in tests/systemd/test_portal.py.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
SCRIPTS = CHECKOUT / "nixos-modules/portal"

MACHINECTL = """\
#!/usr/bin/env bash
# Stand-in: machinectl --quiet --no-ask-password shell AGENT@.host PROGRAM ARGUMENTS…
set -eu
printf '%q ' "$@" >>"$STAGE/machinectl"; echo >>"$STAGE/machinectl"
[[ "$1 $2 $3" == "--quiet --no-ask-password shell" ]]
if [[ -e $STAGE/refuse ]]; then echo "Failed to get shell PTY: Access denied" >&2; exit 1; fi
[[ $4 == ada@.host ]]
shift 4
clean=(env -i PATH="$PATH" TERM="${TERM:-dumb}" HOME="$STAGE/agents/ada" TMUX_TMPDIR="$STAGE"
    XDG_RUNTIME_DIR="$STAGE/none")
if [[ -t 1 ]]; then exec "${clean[@]}" "$@"; fi
"${clean[@]}" "$@" | sed 's/$/\\r/' || true # a terminal's ends of line; no exit status
"""

NUKETOWN = """\
#!/usr/bin/env bash
# Stand-in: a daemon that opens the session of each task at once, unless the test says otherwise.
set -eu
printf '%q ' "$@" >>"$STAGE/nuketown"; echo >>"$STAGE/nuketown"
if [[ -e $STAGE/down ]]; then echo "nuketown: ada: the daemon does not run." >&2; exit 69; fi
[[ $1 == ask && " $* " != *" --no-wait "* ]] || exit 0
project=
while [[ $# -gt 0 ]]; do [[ $1 != --project ]] || project=$2; shift; done
task() { printf '{"agent":"ada","%s":{"id":1,"state":"%s"%s}}\\n' "$1" "$2" "${3-}"; }
event() {
    printf '{"agent":"ada","event":{"kind":"%s","text":"%s","task":{"id":1,"state":"%s"}}}\\n' "$@"
}
task task queued
event task 'cloning \\u001b[2J it' preparing
if [[ -e $STAGE/fail ]]; then
    event message 'the remote is not known' failed
    task task failed ',"result":"the remote is not known"'
    exit 1
fi
event task working running
session=${project//./_}
tmux -L portal-ada has-session -t "=$session" 2>/dev/null ||
    tmux -L portal-ada new-session -d -s "$session" -- sh -c 'echo agent-is-here; exec cat'
sleep 60
"""

FZF = """\
#!/usr/bin/env bash
# Stand-in: keeps the lines it is offered; chooses the one named in $STAGE/choice, else cancels.
set -eu
cat >"$STAGE/offered"
[[ -e $STAGE/choice ]] || exit 130
grep -m 1 -- "^$(cat "$STAGE/choice")" "$STAGE/offered"
"""


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def program_text(script: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """A program as writeShellApplication makes it: the values, then the file's text."""
    lines = [
        f"{key}={shlex.quote(value)}; export {key}"
        if isinstance(value, str)
        else f"{key}=({shlex.join(value)})"
        for key, value in values.items()
    ]
    text = (SCRIPTS / f"{script}.sh").read_text()
    return "\n".join(["#!/usr/bin/env bash", "set -euo pipefail", *lines, text])


def polkit_rule(human: str, agents: list[str]) -> str:
    """What nixos-modules/portal/polkit.nix makes of polkit.js."""
    text = (SCRIPTS / "polkit.js").read_text()
    return text.replace("@human@", json.dumps(human)).replace("@agents@", json.dumps(agents))


class Stage:
    """josh and ada under one account, with a tmux of their own."""

    def __init__(self, root: Path, programs: Path | None = None) -> None:
        self.root = root
        self.bin = root / "bin"
        self.programs = programs or self.bin
        self.home = root / "josh"
        self.clones = root / "agents/ada/projects"
        for directory in (self.bin, self.home / "dev", self.clones):
            directory.mkdir(parents=True)
        for name, text in (("machinectl", MACHINECTL), ("nuketown", NUKETOWN), ("fzf", FZF)):
            self.program(name, text)
        if programs is None:
            self._install()
        # A login shell would begin with another PATH.
        (root / "tmux.conf").write_text("set -g default-command /bin/sh\n")
        self.plain = ("-f", str(root / "tmux.conf"))
        self._numbers = itertools.count(1)
        self._terminal = "none"
        self.environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "STAGE": str(root),
            "TMUX_TMPDIR": str(root),
            "TERM": "screen",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
        }

    def program(self, name: str, text: str) -> Path:
        """Put a program into PATH."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def _install(self) -> None:
        """What nixos-modules/portal/programs.nix does, without Nix."""
        attach = self.built(
            "portal-attach", "portal-attach-ada",
            {"NUKETOWN_AGENT": "ada", "NUKETOWN_HAS_DAEMON": "yes", "NUKETOWN_HARNESS": ["claude"],
             "NUKETOWN_PROJECTS": ""},
        )  # fmt: skip
        common = {"NUKETOWN_AGENT": "ada", "NUKETOWN_PORTAL_ATTACH": str(attach)}
        pane = self.built("portal-pane", "portal-pane-ada", common)
        self.built(
            "portal-agent", "portal-ada",
            common | {
                "NUKETOWN_AGENT_SHARE": "60", "NUKETOWN_HAS_DAEMON": "yes",
                "NUKETOWN_PORTAL_PANE": str(pane), "NUKETOWN_PROJECT_DIRS": ["~/dev"],
                "NUKETOWN_REPOSITORIES": ["declared"],
            },
        )  # fmt: skip
        self.built("portal", "portal", {"NUKETOWN_AGENTS": ["ada"]})

    def built(self, script: str, name: str, values: Mapping[str, str | Sequence[str]]) -> Path:
        """Put one of the portal's programs into PATH."""
        return self.program(name, program_text(script, values))

    def tmux(self, *words: str, server: str = "default", check: bool = True) -> str:
        """Ask one of the stage's tmux servers."""
        done = subprocess.run(
            ["tmux", "-L", server, *words],
            env=self.environment, capture_output=True, text=True, timeout=10, check=check,
        )  # fmt: skip
        return done.stdout.rstrip("\n")

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of the programs without a terminal."""
        return subprocess.run(
            [str(self.programs / words[0]), *words[1:]],
            env=self.environment | variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip

    def terminal(self, *words: str, inside: bool) -> None:
        """Type a command into a terminal of josh's: within his tmux or without one.

        The terminal is a tmux server itself; his own is the default one.
        """
        self._terminal = f"terminal{next(self._numbers)}"
        command = [str(self.programs / words[0]), *words[1:]]
        if inside:
            self.tmux(*self.plain, "new-session", "-d", "-s", "work", "-x", "200", "-y", "50")
            self.tmux(
                *self.plain, "new-session", "-d", "-x", "200", "-y", "50",
                "--", "env", "-u", "TMUX", "tmux", "-L", "default", "attach", server=self._terminal,
            )  # fmt: skip
            self.wait(lambda: self.tmux("list-clients"))
            self.tmux("send-keys", "-t", "work:", "-l", shlex.join(command))
            self.tmux("send-keys", "-t", "work:", "Enter")
            return
        self.tmux(
            *self.plain, "new-session", "-d", "-x", "200", "-y", "50", "--", "env", "-u",
            "TMUX", "sh", "-c", f'{shlex.join(command)}; echo "ended with $?"; exec cat',
            server=self._terminal,
        )  # fmt: skip

    def close_terminal(self) -> None:
        """Close the window that the terminal is."""
        self.tmux("kill-server", server=self._terminal, check=False)

    def screen(self) -> str:
        """What josh's terminal shows."""
        return self.tmux("capture-pane", "-p", server=self._terminal)

    def said(self, program: str) -> list[list[str]]:
        """The words of each call of a stand-in."""
        path = self.root / program
        return (
            [shlex.split(line) for line in path.read_text().splitlines()] if path.exists() else []
        )

    def wait(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Wait until a function is true."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.02)

    def end(self) -> None:
        """End its tmux servers."""
        self.close_terminal()
        for server in ("default", "portal-ada"):
            self.tmux("kill-server", server=server, check=False)
