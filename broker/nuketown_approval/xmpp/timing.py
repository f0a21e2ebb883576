"""How long a connection waits for things."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkTiming:
    """All in seconds."""

    connect_s: float = 120.0
    """For a connection to any of the server's addresses."""
    address_s: float = 15.0
    """For a TCP (and TLS) connection to one of them."""
    negotiate_s: float = 60.0
    """From the connection to the session."""
    first_retry_s: float = 1.0
    longest_retry_s: float = 120.0
    refused_retry_s: float = 300.0
    """After a wrong password or certificate: trying faster helps nobody and locks accounts."""
    ping_s: float = 60.0
    pong_s: float = 20.0
    answer_s: float = 30.0
    """For the answer to a request."""
    leave_s: float = 3.0
    """For saying goodbye."""
