"""Runs ssh-keygen, gpg and git: argument vectors, no terminal, bounded time, no secret given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.workspace.git import safe_line

_TIMEOUT_S = 60.0
# They would send git to another repository or another agent to ask a passphrase on a screen.
_LEFT_OUT = frozenset(
    {"GIT_DIR", "GIT_CONFIG", "GIT_WORK_TREE", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS"}
)


def run(
    argv: Sequence[str | Path],
    *,
    home: Path,
    accept: Collection[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    :param home: ``$HOME`` of the program
    :param accept: exit codes that are answers, not errors
    :raises IdentityError: not installed, another exit code, or not done in a minute
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
            cwd="/",
            start_new_session=True,  # no terminal to ask on
            env=inherited | {"HOME": str(home), "LC_ALL": "C"} | dict(environment or {}),
        )
    except subprocess.TimeoutExpired as exc:
        raise IdentityError(
            f"{argv[0]} was not done after {_TIMEOUT_S:.0f} s and was ended: try again."
        ) from exc
    except OSError as exc:
        raise IdentityError(f"{argv[0]} can't be started ({exc.strerror}): install it.") from exc
    if done.returncode not in accept:
        lines = done.stderr.strip().splitlines()
        reason = safe_line(lines[-1]) if lines else f"exit code {done.returncode}"
        raise IdentityError(f"{argv[0]} failed: {reason}: mend that and run this again.")
    return done
