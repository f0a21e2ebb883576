"""Whoever follows the pending requests at the socket can be asked: ``nuketown approvals --follow``.

The question reaches them as an event of their watch, the answer comes as an ``answer`` operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from nuketown_broker.contract import Question, Settled


class CommandLineChannel:
    """Ready while somebody who may answer watches."""

    name = "command line"

    def __init__(self) -> None:
        self._watching = 0

    @property
    def ready(self) -> bool:
        """Does somebody watch who may answer?"""
        return self._watching > 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody who may answer watches."""
        self._watching += 1
        try:
            yield
        finally:
            self._watching -= 1

    async def run(self) -> None:
        """Nothing to serve: the socket does."""
        await asyncio.get_running_loop().create_future()  # never: only cancelled

    async def ask(self, question: Question) -> None:
        """The watch has told them."""

    async def settle(self, question: Question, settled: Settled) -> None:
        """The watch has told them."""
