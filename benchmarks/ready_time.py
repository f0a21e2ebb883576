"""How long until an agent can be spoken to, beside a bare client."""

from __future__ import annotations

from benchmarks.figure import Figure, compared
from benchmarks.population import plugins, population
from benchmarks.process import bare_client, daemon

PAIRS = 11
TARGET = 1.8


async def ready_time() -> list[Figure]:
    """From exec to READY=1, and from exec to a bare client's session_start."""
    names = plugins()
    values, baselines = [], []
    async with population(1) as (agent,):
        for pair in range(PAIRS + 1):
            async with daemon(agent.environment, agent.directory) as process:
                value = process.ready_s
            async with bare_client(agent.bare(names)) as process:
                baseline = process.ready_s
            if pair:  # the first pair reads the programs from the disk
                values.append(value * 1000)
                baselines.append(baseline * 1000)
    return [
        compared(
            "ready-time", "ms", values, baselines, target=TARGET,
            compared_with="exec to session_start of a bare client with the same plugins",
        )
    ]  # fmt: skip
