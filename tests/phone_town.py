"""A broker with its real accounts on a real Prosody: workstations, devices, and their people."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slixmpp.stanza import Message

from nuketown_approval import stanza as payloads
from nuketown_approval.request import ApprovalRequest, Delegation, SudoCommand
from nuketown_approval.verdict import Verdict
from nuketown_approval.xmpp.timing import LinkTiming
from nuketown_broker.audit.account import Account as AuditAccount
from nuketown_broker.audit.trail import AuditTrail
from nuketown_broker.broker import Broker, Keys, Outcome
from nuketown_broker.channels.phone.building import phone_channels
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Answer, Asker, Origin
from nuketown_broker.open_list import OpenList
from nuketown_broker.policy.in_force import Policy
from nuketown_broker.surroundings import Surroundings
from nuketown_demo.prosody import HOST
from tests.broker_fixture import Desk
from tests.prosody_fixture import PATIENCE_S, Account, Person, eventually

QUICK = LinkTiming(first_retry_s=0.05, longest_retry_s=0.2, leave_s=1.0)
ADA_UID = 61234
payloads.register()


def connection(server: Any) -> dict[str, Any]:
    return {"host": HOST, "port": server.port, "tls": "off-loopback-only"}


def password_file(account: Account, directory: Path) -> Path:
    path = directory / f"{account.name}.password"
    path.write_text(account.password)
    path.chmod(0o600)
    return path


@dataclass
class Town:
    """One broker with its channels."""

    broker: Broker
    policy: Policy
    desk: Desk
    channels: list[Any]
    state: Path
    outcomes: list[asyncio.Task[Outcome]] = field(default_factory=list)

    @property
    def phone(self) -> Any:
        return self.channels[0]

    @property
    def host(self) -> str:
        return self.policy.configuration.host_name

    def sudo(self, *argv: str, timeout: int = 60, **more: Any) -> ApprovalRequest:
        fields = {"path": f"/usr/bin/{argv[0]}", "cwd": "/home/ada", **more}
        payload = SudoCommand(argv=argv, **fields)
        return ApprovalRequest.new("ada", self.host, payload, timeout=timeout, now=time.time())

    def asks(self, request: ApprovalRequest, **more: Any) -> asyncio.Task[Outcome]:
        """``ada`` asks by the socket."""
        asker = Asker(Origin.SOCKET, "ada", uid=ADA_UID)
        task = asyncio.create_task(self.broker.submit(request, asker, **more))
        self.outcomes.append(task)
        return task

    async def shown_at_the_desk(self, request_id: str) -> Any:
        return await eventually(
            lambda: next((q for q in self.desk.asked if q.request.id == request_id), None)
        )

    async def waiting(self, count: int) -> None:
        await eventually(lambda: len(self.broker.pending.all()) == count)

    async def press(self, request_id: str, result: str = "approved") -> bool:
        """josh presses a button of the popup."""
        return await self.broker.answer(request_id, Answer(result, "desktop", "josh"))  # type: ignore[arg-type]

    def is_pending(self, request: ApprovalRequest) -> bool:
        return self.broker.pending.get(request.id) is not None


@asynccontextmanager
async def open_town(
    state: Path,
    settings: dict[str, Any],
    *,
    keys: Keys | None = None,
    with_desk: bool = True,
    receipt_s: float = 5.0,
    kill: bool = False,
) -> AsyncIterator[Town]:
    """A broker until the end of the context.

    :param kill: leave it as SIGKILL would: nobody is told anything
    """
    settings = {"role": "workstation", "host_name": "desk", **settings}
    configuration = Configuration(**settings)
    async with AsyncExitStack() as stack:
        trail = await stack.enter_async_context(AuditTrail(state / "audit"))
        account = AuditAccount(trail)
        policy = Policy(configuration)
        open_list = OpenList(state / "pending.json")
        broker = Broker(
            policy=policy, account=account, open_list=open_list, host=configuration.host_name,
            keys=keys,
        )  # fmt: skip
        surroundings = Surroundings(configuration, policy, broker, account, open_list)
        desk = Desk()
        channels = phone_channels(surroundings, timing=QUICK, receipt_s=receipt_s)
        broker.channels += [*channels, *([desk] if with_desk else [])]
        running = [asyncio.create_task(channel.run()) for channel in channels]
        town = Town(broker, policy, desk, channels, state)
        try:
            await eventually(lambda: all(c.ready for c in channels))
            yield town
            for task in running:
                assert not task.done(), task.exception()
        finally:
            if not kill:
                await broker.stop()
            for task in [*running, *town.outcomes]:
                task.cancel()
            for task in running:
                with suppress(asyncio.CancelledError):
                    await asyncio.wait_for(task, PATIENCE_S)
            await asyncio.gather(*town.outcomes, return_exceptions=True)


def code_of(notice: Message | str) -> str:
    """The CODE in a notice."""
    found = re.search(
        r"no ([A-Z0-9]{4})\b", str(notice["body"] if isinstance(notice, Message) else notice)
    )
    assert found, notice
    return found[1]


def correction_of(notice: Message) -> Callable[[Message], bool]:
    def check(message: Message) -> bool:
        replaced = message.xml.find("{urn:xmpp:message-correct:0}replace")
        return replaced is not None and replaced.get("id") == notice["id"]

    return check


def is_notice(message: Message) -> bool:
    return "asks for" in message["body"]


async def notice_of(person: Person, text: str) -> Message:
    """The notice with ``text`` in it."""
    return await person.message(lambda m: is_notice(m) and text in m["body"])


def react(person: Person, to: str, message_id: str, *emojis: str, **attributes: str) -> None:
    extra = "".join(f" {k}='{v}'" for k, v in attributes.items())
    inside = "".join(f"<reaction>{emoji}</reaction>" for emoji in emojis)
    person.say_xml(
        f"<message xmlns='jabber:client' to='{to}' type='chat'{extra}>"
        f"<reactions xmlns='urn:xmpp:reactions:0' id='{message_id}'>{inside}</reactions></message>"
    )


def send_request(
    person: Person, to: str, request: ApprovalRequest, *, kind: str = "normal", **more: Any
) -> Message:
    """Send a request as an agent's daemon or a device's broker does."""
    message = person.make_message(to, mbody="please?", mtype=kind)  # type: ignore[arg-type]
    message["id"] = request.id
    message["approval"]["request"] = request
    message["request_receipt"] = True
    message.enable("store") if "xep_0334" in person.plugin else None
    message.send()
    return message


def responses(person: Person) -> list[tuple[str, Verdict]]:
    """Sender's bare JID and verdict of every response so far."""
    return [
        (m["from"].bare, m["approval_response"]["verdict"])
        for m in person.messages
        if m.xml.find(payloads.RESPONSE) is not None
    ]


async def response(person: Person, request: ApprovalRequest) -> tuple[str, Verdict]:
    return await person.wait_for(
        lambda: next((r for r in responses(person) if r[1].id == request.id), None)
    )


def delegation(task: str = "survey", agent: str = "ada", timeout: int = 60) -> ApprovalRequest:
    payload = Delegation(task=task, agents="bob")
    return ApprovalRequest.new(agent, "elsewhere", payload, timeout=timeout, now=time.time())
