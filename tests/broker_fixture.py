"""A broker in this process: the real parts around a desk that writes down what it is shown."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nuketown_approval.request import ApprovalRequest, Delegation, SudoCommand
from nuketown_broker.audit.account import Account
from nuketown_broker.audit.trail import AuditTrail
from nuketown_broker.broker import Broker, Keys, Outcome
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Answer, Asker, Origin, Question, Settled
from nuketown_broker.open_list import OpenList
from nuketown_broker.policy.in_force import Policy
from nuketown_broker.rate_limit import Limits, RateLimit

HOST = "desk"
UIDS = {"ada": 61234, "bob": 61235}


class Desk:
    """A channel on which nobody has said anything yet."""

    def __init__(self, name: str = "desktop") -> None:
        self.name = name
        self.ready = True
        self.asked: list[Question] = []
        self.settled: list[tuple[Question, Settled]] = []
        self.fails = False
        self.when_asked: Callable[[Question], Any] | None = None

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def ask(self, question: Question) -> None:
        if self.fails:
            raise RuntimeError("no display")
        self.asked.append(question)
        if self.when_asked is not None:
            await self.when_asked(question)

    async def settle(self, question: Question, settled: Settled) -> None:
        self.settled.append((question, settled))


class Town:
    """The broker with what it is made of."""

    def __init__(self, broker: Broker, policy: Policy, trail: AuditTrail, desk: Desk) -> None:
        self.broker = broker
        self.policy = policy
        self.trail = trail
        self.desk = desk

    def sudo(self, *argv: str, agent: str = "ada", timeout: int = 60, **more: Any) -> Any:
        fields = {"path": f"/usr/bin/{argv[0]}", "cwd": "/", **more}
        return ApprovalRequest.new(
            agent, HOST, SudoCommand(argv=argv, **fields), timeout=timeout, now=time.time()
        )

    def delegate(self, task: str = "tidy", agent: str = "ada", timeout: int = 60) -> Any:
        payload = Delegation(task=task, agents="bob")
        return ApprovalRequest.new(agent, HOST, payload, timeout=timeout, now=time.time())

    async def submit(self, request: ApprovalRequest, **more: Any) -> Outcome:
        asker = Asker(Origin.SOCKET, request.agent, uid=UIDS.get(request.agent, 1))
        return await self.broker.submit(request, asker, **more)

    def asking(self, request: ApprovalRequest, **more: Any) -> asyncio.Task[Outcome]:
        return asyncio.create_task(self.submit(request, **more))

    async def shown(self, request: ApprovalRequest, desk: Desk | None = None) -> Question:
        """Wait until the desk shows it."""
        desk = desk or self.desk
        async with asyncio.timeout(10):
            while True:
                for question in desk.asked:
                    if question.request.id == request.id:
                        return question
                await asyncio.sleep(0.002)

    async def answer(self, request: ApprovalRequest, result: str = "approved", **more: Any) -> bool:
        answer = Answer(
            result, more.pop("channel", "desktop"), more.pop("answerer", "josh"), **more
        )
        return await self.broker.answer(request.id, answer)

    def records(self, event: str | None = None) -> list[dict[str, Any]]:
        lines = [
            json.loads(line)
            for path in sorted(self.trail.directory.iterdir())
            for line in path.read_text().splitlines()
        ]
        return [line for line in lines if event is None or line["event"] == event]


def configuration(**more: Any) -> Configuration:
    agents = {
        name: {"uid": uid, "pre_approved": ["systemctl restart *"]} for name, uid in UIDS.items()
    }
    return Configuration(**{"role": "device", "agents": agents, "host_name": HOST, **more})


@asynccontextmanager
async def open_town(
    state: Path,
    *,
    limits: Limits | None = None,
    keys: Keys | None = None,
    desks: tuple[Desk, ...] = (),
    **more: Any,
):
    async with AsyncExitStack() as stack:
        trail = await stack.enter_async_context(AuditTrail(state / "audit"))
        desk = Desk()
        policy = Policy(configuration(**more))
        broker = Broker(
            policy=policy,
            account=Account(trail),
            open_list=OpenList(state / "pending.json"),
            host=HOST,
            channels=[desk, *desks],
            keys=keys,
            limit=RateLimit(limits),
        )
        await stack.enter_async_context(broker)
        yield Town(broker, policy, trail, desk)


@pytest.fixture
async def broker_town(tmp_path: Path):
    async with open_town(tmp_path) as town:
        yield town
