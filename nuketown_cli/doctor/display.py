"""Can an agent press a popup's buttons? Tried as each agent, which takes root."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from nuketown_cli.doctor.finding import Finding, Subject, bad, ok

_SUDO_JSON = Path("/etc/nuketown/sudo.json")


def check_display_as_agents(_subject: Subject) -> Iterator[Finding]:
    """As root in the human's environment (``sudo -E nuketown doctor``): open it as each agent."""
    if os.geteuid() != 0:
        return
    try:
        agents = json.loads(_SUDO_JSON.read_text()).get("agents", [])
    except (OSError, ValueError, AttributeError):
        return  # no agents with sudo here, or the finding about sudo.json says what is wrong
    yield from try_display([name for name in agents if isinstance(name, str)], os.environ)


def try_display(agents: Iterable[str], environment: Mapping[str, str]) -> Iterator[Finding]:
    """Try the displays that ``environment`` names as each of ``agents``."""
    from nuketown_broker.channels.desktop.display import displays_named  # noqa: PLC0415
    from nuketown_broker.channels.desktop.reach import display_open_to  # noqa: PLC0415

    for display in displays_named(environment):
        for name in agents:
            try:
                account = pwd.getpwnam(name)
            except KeyError:
                continue
            problem = display_open_to(account, display)
            if problem is None:
                yield ok("broker.display_as_agents", f"{name} can't open display {display.name}")
            else:
                yield bad(
                    "broker.display_as_agents",
                    problem.rstrip("."),
                    "run the display with access control (no xhost +, an -auth file of mode 0600)",
                )
