"""The CODE of a request: drawn here, shown in its notice and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Container

ALPHABET = "ACDEFHJKMNPQRTUVWXY34679"
"""Nothing that looks or sounds like another: no 0/O, 1/I/L, 2/Z, 5/S, 8/B, G."""
LENGTH = 4


def draw_code(taken: Container[str]) -> str:
    """A code that is not in ``taken``."""
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        if code not in taken:
            return code
