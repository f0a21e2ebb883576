"""What the agent shows of itself, computed from what it does. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Show = Literal["chat", "dnd", "away"]


@dataclass(frozen=True)
class Presence:
    """One line of the seed's presence table (RFC 6121 §4.7.2.1)."""

    show: Show
    status: str


READY = Presence("chat", "Ready")


def presence_of(working_on: str | None, waiting_for: str | None) -> Presence:
    """Presence of an agent that works on a task (its title) or waits for something (its name).

    >>> presence_of("fix udev", None)
    Presence(show='dnd', status='Working: fix udev')
    >>> presence_of("fix udev", "sudo approval")
    Presence(show='away', status='Waiting for sudo approval')
    """
    if waiting_for:
        return Presence("away", f"Waiting for {waiting_for}")
    if working_on:
        return Presence("dnd", f"Working: {working_on}")
    return READY
