"""The agent's side of Nuketown: one asyncio process per agent user."""

__version__ = "0.1.0"
