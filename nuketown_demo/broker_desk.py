"""What both kinds of town tell the approval broker, and how it sits in a terminal of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nuketown_demo.town import AGENT, APPROVALS, OWNER, connection

DESK = "desk"
"""Name of the tmux server in which the broker runs: without a display it asks there."""
IN_TMUX = (
    "-f", "/dev/null",
    "start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";",
    "new-session", "-d", "-s", DESK, "-x", "110", "-y", "45", "--",
)  # fmt: skip
"""Arguments of ``tmux -L desk`` before the broker's command."""


def broker_settings(port: int, password_file: Path) -> dict[str, Any]:
    """broker.toml of the town's owner.

    :param port: of the town's server
    """
    return {
        "role": "workstation",
        "jid": f"{APPROVALS}@localhost",
        "password_file": str(password_file),
        "human_jid": f"{OWNER}@localhost",
        "approvers": [f"{OWNER}@localhost"],
        "agents": {AGENT: {"jids": [f"{AGENT}@localhost"]}},
        **connection(port),
    }
