"""Ways to ask a human, by role and configuration; each is imported only where it is used."""

from __future__ import annotations

from nuketown_broker.contract import Channel
from nuketown_broker.surroundings import Surroundings


def channels_of(_surroundings: Surroundings) -> list[Channel]:
    """The channels that the configuration asks for."""
    return []
