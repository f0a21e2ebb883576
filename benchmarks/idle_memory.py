"""What an idle agent costs in memory, beside a bare client."""

from __future__ import annotations

import asyncio

from benchmarks.figure import Figure, compared
from benchmarks.population import Agent, plugins, population
from benchmarks.process import bare_client, daemon, online

PAIRS = 5
IDLE_S = 2.0
TARGET = 1.7
_WITH = "a bare slixmpp client online with the same plugins"


async def idle_memory() -> list[Figure]:
    """USS of a daemon that is online, and of a client that is; never both at once.

    Together they would share the pages of their libraries, and neither would be charged for them.
    """
    names = plugins()
    values, baselines = [], []
    async with population(1) as (agent,):
        for _ in range(PAIRS):
            values.append(await daemon_uss(agent))
            baselines.append(await client_uss(agent, names))
    return [compared("idle-memory", "MiB", values, baselines, target=TARGET, compared_with=_WITH)]


async def daemon_uss(agent: Agent) -> float:
    """One idle daemon's, in MiB."""
    async with daemon(agent.environment, agent.directory) as process:
        await online(agent.socket)
        await asyncio.sleep(IDLE_S)
        return process.uss_mib()


async def client_uss(agent: Agent, names: str) -> float:
    """One idle client's, in MiB."""
    async with bare_client(agent.bare(names)) as process:
        await asyncio.sleep(IDLE_S)
        return process.uss_mib()
