"""How long the XMPP side waits for things."""

from __future__ import annotations

from dataclasses import dataclass

from nuketown_approval.xmpp.timing import LinkTiming


@dataclass(frozen=True)
class Timing(LinkTiming):
    """All in seconds."""

    ack_s: float = 30.0
    """For the server's acknowledgement of a message; then the connection counts as dead."""
    progress_s: float = 3.0
    """Between corrections of a progress message."""
    presence_s: float = 0.05
    """For a presence to settle: everybody who sees it gets each one that is sent, and a message in
    hand comes first. That a human is waited for is shown at once."""
    rejoin_s: float = 60.0
    """Between tries to enter a room."""
    silence_s: float = 600.0
    """A room that said nothing for so long is asked whether we are still in it."""
    bounced_s: float = 60.0
    """Before what the other side's server sent back is sent again; then twice as long."""
