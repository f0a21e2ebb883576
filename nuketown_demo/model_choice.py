"""Who answers as the model: Anthropic's API with the caller's key, or the script."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.scripted_model import demo_script

_SCRIPTED = (
    "ANTHROPIC_API_KEY is not set, so no model answers but a script on this machine.\n"
    "It can add a LICENSE file and ask for an approval, through the real tools, and nothing else."
)


@dataclass(frozen=True)
class ModelEndpoint:
    """Where the Messages API is (None: Anthropic's own), and the key for it."""

    api_url: str | None
    api_key: str


@dataclass(frozen=True)
class ModelChoice:
    """What the environment asks for.

    :param api_key: None: the script
    """

    api_key: str | None
    base_url: str | None = None

    @property
    def sentence(self) -> str:
        """Who answers, for the person at the terminal."""
        if self.api_key is None:
            return _SCRIPTED
        where = self.base_url or "Anthropic's API"
        return f"A real model answers ({where}, key from ANTHROPIC_API_KEY); it costs money."

    @asynccontextmanager
    async def endpoint(self) -> AsyncIterator[ModelEndpoint]:
        """Have the model reachable for as long as the context lasts."""
        if self.api_key is not None:
            yield ModelEndpoint(self.base_url, self.api_key)
            return
        # Other users of the machine reach the port too: it answers to this town's key only.
        key = f"sk-ant-stand-in-{secrets.token_hex(16)}"
        async with MessagesApi(demo_script, api_key=key) as api:
            yield ModelEndpoint(api.url, key)


def choose(environment: MutableMapping[str, str]) -> ModelChoice:
    """Take ``ANTHROPIC_API_KEY`` out of the environment, and read ``ANTHROPIC_BASE_URL``.

    Out of it, so that nothing we start inherits the key. An empty one counts as not set.
    """
    key = environment.pop("ANTHROPIC_API_KEY", "").strip()
    if not key:
        return ModelChoice(None)
    return ModelChoice(key, environment.get("ANTHROPIC_BASE_URL", "").strip() or None)
