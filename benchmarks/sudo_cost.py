"""What ``sudo`` costs an agent: where no human is needed, and where one with a phone is quick.

Real accounts, the real sudo and a booted systemd, in a container (nuketown_demo/account_town.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from slixmpp import JID

from benchmarks.bare_client import BareClient
from benchmarks.figure import Figure, compared
from benchmarks.population import Agent, plugins, short_directory
from benchmarks.process import bare_client
from nuketown_demo.account_town import AccountTown, unusable
from nuketown_demo.prosody import HOST
from nuketown_demo.town import AGENT, APPROVALS, OWNER

RUNS = 50
ASKED = 8
"""An agent may ask a human ten times a minute."""
SUDO_TARGET = 6.0
PHONE_TARGET = 2.0
_ANSWER_S = 30.0
_CORRECTION = "urn:xmpp:message-correct:0"
_CODE = r"“yes ([A-Z0-9]{4})”"
_SUDO = "/opt/nuketown-sudo/bin/sudo"
_WITH_BOTH = (_SUDO, "true", "--", "/usr/bin/sudo", "-n", "/usr/bin/true")


async def sudo_cost() -> list[Figure]:
    """``sudo true`` pre-approved and approved by phone; nothing where there can be no container."""
    if reason := unusable():
        sys.stderr.write(f"bench: sudo is not measured: {reason}\n")
        return []
    names = plugins()
    async with _scene(names) as (town, phone):
        by_rule, plain = [times[1:] for times in await _times(town, RUNS + 1, *_WITH_BOTH)]
        asked, beside = [], []
        for turn in range(ASKED + 1):
            (helper,), _ = await _times(town, 1, *_WITH_BOTH)
            hops = 2 * await phone.round_trip()
            ((took,),) = await _times(town, 1, _SUDO, "id", "-u")
            if turn:
                asked.append(took)
                beside.append(helper + hops)
    return [
        compared(
            "sudo/pre-approved", "ms", by_rule, plain, target=SUDO_TARGET,
            compared_with="plain sudo -n true with a NOPASSWD rule",
        ),
        compared(
            "sudo/phone", "ms", asked, beside, target=PHONE_TARGET,
            compared_with="pre-approved sudo true + four message hops of bare clients",
        ),
    ]  # fmt: skip


class Phone(BareClient):
    """The owner's: says yes to every request at once, and can be an end of a round trip."""

    def __init__(self, jid: str, password: str, names: list[str]) -> None:
        super().__init__(jid, password, names)
        self.started = asyncio.Event()
        self._echoed: asyncio.Queue[float] = asyncio.Queue()

    def online(self) -> None:
        """Note that the session has started."""
        self.started.set()

    def _echo(self, message: Any) -> None:
        if message["type"] != "chat" or message.xml.find(f"{{{_CORRECTION}}}replace") is not None:
            return
        if message["from"].bare != f"{APPROVALS}@localhost":
            self._echoed.put_nowait(time.perf_counter())
        elif " asks for " in message["body"] and (code := re.search(_CODE, message["body"])):
            message.reply(f"yes {code[1]}").send()

    async def round_trip(self) -> float:
        """Milliseconds of a message to a bare client and back: two hops."""
        start = time.perf_counter()
        self.send_message(JID("echo@localhost/nuketown"), "hello", mtype="chat")
        async with asyncio.timeout(_ANSWER_S):
            return (await self._echoed.get() - start) * 1000


async def _times(town: AccountTown, count: int, *commands: str) -> list[list[float]]:
    """Milliseconds of each command (see :mod:`benchmarks.sudo_times`), as the agent."""
    output = await town.run("python", "-m", "benchmarks.sudo_times", str(count), *commands)
    times: list[list[float]] = json.loads(output)
    return times


@contextlib.asynccontextmanager
async def _scene(names: str) -> AsyncIterator[tuple[AccountTown, Phone]]:
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(short_directory())
        place = directory / "town"
        place.mkdir()
        town = AccountTown(place, api_url=None, api_key="none", pre_approved=["true"])
        await stack.enter_async_context(town)
        rule = f"{AGENT} ALL=(root) NOPASSWD: /usr/bin/true\n"
        town.container.write(f"/etc/sudoers.d/{AGENT}-true", rule, mode=0o440)
        await town.start_broker()
        echo = Agent("echo", directory / "echo", town.server)
        await echo.settle()
        await stack.enter_async_context(bare_client(echo.bare(names)))
        phone = Phone(f"{town.owner}/phone", town.passwords[OWNER], names.split(","))
        phone.connect(HOST, town.server.port)
        await asyncio.wait_for(phone.started.wait(), _ANSWER_S)
        stack.push_async_callback(phone.disconnect, wait=1.0)
        phone.send_presence_subscription(pto=JID(town.approvals), ptype="subscribe")
        await asyncio.sleep(1.0)
        yield town, phone
