"""Whether systemd starts the daemon at boot and keeps it running."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from nuketown_cli.doctor.finding import Finding, Subject, bad, ok, warn

_UNIT = "nuketown-daemon.service"
_RUN_S = 10.0


def check_service(subject: Subject) -> Iterator[Finding]:
    """Lingering and the unit's state; only where this user has an agent."""
    if not subject.configured:
        return
    if not Path("/run/systemd/system").is_dir():  # sd_booted(3)
        yield warn(
            "systemd",
            "systemd does not run this machine: nothing restarts the daemon",
            "start nuketown-daemon by what supervises processes here",
        )
        return
    yield _lingering(subject.user)
    yield _unit()


def _lingering(user: str) -> Finding:
    if Path("/var/lib/systemd/linger", user).exists():
        return ok("linger", f"{user} lingers: the daemon starts at boot")
    return warn(
        "linger",
        f"{user} does not linger: the daemon stops when the last login ends",
        f"loginctl enable-linger {user} (NixOS: users.users.{user}.linger = true)",
    )


def _unit() -> Finding:
    try:
        run = subprocess.run(
            ["systemctl", "--user", "show", _UNIT, "--property=LoadState,ActiveState,SubState"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_RUN_S,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return bad("unit", f"systemctl does not run ({exc})", "mend the systemd installation")
    state = dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)
    if run.returncode or not state:
        return warn(
            "unit",
            "the user manager can't be asked about the unit",
            "set XDG_RUNTIME_DIR to /run/user/<uid>, or log in as the agent with machinectl shell",
        )
    if state.get("LoadState") != "loaded":
        return warn("unit", f"{_UNIT} is not installed", "install the unit (docs/operations.md)")
    active = state.get("ActiveState", "?")
    if active != "active":
        text = f"{_UNIT} is {active} ({state.get('SubState', '?')})"
        return bad("unit", text, f"journalctl --user -u {_UNIT}; systemctl --user restart {_UNIT}")
    return ok("unit", f"{_UNIT} is active")
