"""A town for each test: real Prosody, real daemon process, real git, the real claude CLI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.town import OWNER, Town
from tests.prosody_fixture import Account, Person

KEY = "sk-ant-of-the-tests-0123456789"


class Inhabited:
    """A town, its model, and its owner at the phone."""

    def __init__(self, town: Town, api: MessagesApi, owner: Person) -> None:
        self.town = town
        self.api = api
        self.owner = owner

    def say(self, body: str, **options: Any) -> str:
        """The owner writes to the agent."""
        return self.owner.say(self.town.agent, body, **options)

    async def heard(self, part: str, timeout_s: float = 30.0) -> Any:
        """The first message of the agent that has ``part`` in it."""
        try:
            return await self.owner.message(
                lambda m: m["from"].bare == self.town.agent and part in m["body"], timeout_s
            )
        except AssertionError as exc:
            raise AssertionError(f"{exc}\nlog of the daemon:\n{self.town.log_tail(40)}") from None

    def count(self, part: str) -> int:
        """How many messages of the agent have ``part`` in them."""
        return sum(part in body for body in self.owner.bodies(self.town.agent))


class Settle(Protocol):
    """Type of the fixture ``settle``."""

    async def __call__(
        self, script: Any, *, start: bool = True, people: tuple[str, ...] = (), **options: Any
    ) -> Inhabited: ...


@pytest.fixture
async def settle(short_tmp: Path) -> AsyncIterator[Settle]:
    """``await settle(script)``: a town whose model answers with ``script``, its daemon started."""
    async with AsyncExitStack() as stack:

        async def make(
            script: Any, *, start: bool = True, people: tuple[str, ...] = (), **options: Any
        ) -> Inhabited:
            api = await stack.enter_async_context(MessagesApi(script, api_key=KEY))
            town = Town(short_tmp / "town", api_url=api.url, api_key=KEY, **options)
            await stack.enter_async_context(town)
            for name in people:
                await town.server.register(name, f"of {name}")
            account = Account(town.owner, town.passwords[OWNER], town.server)
            owner = await stack.enter_async_context(Person(account))
            _befriend(owner, town.agent)
            if start:
                await town.start_daemon()
                await owner.presence(lambda p: p["from"].bare == town.agent and p["show"] == "chat")
            return Inhabited(town, api, owner)

        yield make


def _befriend(person: Person, agent: str) -> None:
    person.send_presence_subscription(pto=agent, ptype="subscribe")
    person.auto_authorize = True


@pytest.fixture
def visit() -> Callable[[Inhabited, str], Person]:
    """``async with visit(town, "eve") as eve``: another client on the town's server."""

    def make(inhabited: Inhabited, name: str, resource: str = "phone") -> Person:
        server = inhabited.town.server
        password = inhabited.town.passwords.get(name, f"of {name}")
        return Person(Account(f"{name}@localhost", password, server), resource)

    return make
