"""Fifty agents on one machine, beside fifty bare clients."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from benchmarks.figure import Figure, compared
from benchmarks.idle_memory import IDLE_S, TARGET
from benchmarks.population import Agent, plugins, population
from benchmarks.process import Started, bare_client, daemon, online

AGENTS = 50
_BATCH = 4


async def fifty_daemons() -> list[Figure]:
    """Total USS of fifty daemons that are online and idle, and of fifty clients."""
    names = plugins()
    async with population(AGENTS) as agents:

        async def as_daemon(agent: Agent, stack: contextlib.AsyncExitStack) -> Started:
            started = await stack.enter_async_context(daemon(agent.environment, agent.directory))
            await online(agent.socket)
            return started

        async def as_client(agent: Agent, stack: contextlib.AsyncExitStack) -> Started:
            return await stack.enter_async_context(bare_client(agent.bare(names)))

        value = await _total(agents, as_daemon)
        baseline = await _total(agents, as_client)
    return [
        compared(
            "fifty-daemons", "MiB", [value], [baseline], target=TARGET,
            compared_with=f"the total of {AGENTS} bare clients",
        )
    ]  # fmt: skip


async def _total(
    agents: list[Agent],
    start: Callable[[Agent, contextlib.AsyncExitStack], Awaitable[Started]],
) -> float:
    """MiB of all of them together, idle."""
    async with contextlib.AsyncExitStack() as stack:
        running: list[Started] = []
        for first in range(0, len(agents), _BATCH):
            batch = agents[first : first + _BATCH]
            running += await asyncio.gather(*(start(agent, stack) for agent in batch))
        await asyncio.sleep(IDLE_S)
        total = sum(process.uss_mib() for process in running)
        # All at once, not one after the other.
        for process in running:
            process.end()
    return total
