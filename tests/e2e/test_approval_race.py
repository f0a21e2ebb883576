"""A phone and a popup on one request: the real broker, a real account, a real zenity window."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from slixmpp.stanza import Message

from nuketown_approval.request import ApprovalRequest
from nuketown_broker.channels.desktop.conversation import CONSIDERED_S
from nuketown_demo.prosody import Prosody
from nuketown_demo.town import connection
from tests.phone_town import code_of, correction_of, delegation, notice_of, response, send_request
from tests.prosody_fixture import Account, Person, eventually, make_account
from tests.x_server import XServer

pytestmark = pytest.mark.desktop
TITLE = r"^ada \(software\)"


@dataclass
class Race:
    """A workstation's broker, whose human sits at the desk and holds a phone."""

    broker: Account
    ada: Person
    phone: Person
    screen: XServer
    audit: Path
    _seen: set[str] = field(default_factory=set)

    async def begins(self, task: str) -> tuple[ApprovalRequest, Message, str]:
        """Ada asks; the request, the notice on the phone, and the popup once a yes counts there."""
        request = delegation(task, timeout=60)
        send_request(self.ada, self.broker.jid, request)
        notice = await notice_of(self.phone, task)
        window = await self._window()
        await asyncio.sleep(CONSIDERED_S)
        return request, notice, window

    async def _window(self) -> str:
        async with asyncio.timeout(20):
            while True:
                for window in await asyncio.to_thread(self.screen.windows, TITLE):
                    # Not by the window's id: the server gives it to the next client again.
                    process = await asyncio.to_thread(self.screen.hands, "getwindowpid", window)
                    if process and process not in self._seen:
                        self._seen.add(process)
                        return window
                await asyncio.sleep(0.01)

    async def approve_at_the_desk(self, window: str) -> None:
        await asyncio.to_thread(self.screen.press, window, "Tab", "space")

    async def desk_is_empty(self) -> None:
        async with asyncio.timeout(10):
            while await asyncio.to_thread(self.screen.windows):  # noqa: ASYNC110  (it tells nobody)
                await asyncio.sleep(0.01)

    async def corrected(self, notice: Message) -> str:
        """What the notice says once the request has ended."""
        return str((await self.phone.message(correction_of(notice)))["body"])

    def outcomes(self, request: ApprovalRequest) -> list[dict[str, Any]]:
        lines = [
            json.loads(line)
            for path in sorted(self.audit.iterdir())
            for line in path.read_text().splitlines()
        ]
        return [
            line for line in lines if line["event"] == "outcome" and line.get("id") == request.id
        ]


@pytest.fixture
async def race(prosody_server: Prosody, x_server: XServer, tmp_path: Path) -> AsyncIterator[Race]:
    names = ("approvals", "josh", "ada")
    broker, josh, ada = [await make_account(prosody_server, name) for name in names]
    async with AsyncExitStack() as stack:
        process = _start(_configuration(broker, josh, ada, tmp_path), x_server, tmp_path)
        stack.push_async_callback(_stop, process)
        phone = await stack.enter_async_context(Person(josh))
        agent = await stack.enter_async_context(Person(ada, "nuketown"))
        phone.send_presence_subscription(pto=broker.jid, ptype="subscribe")
        await phone.presence(lambda p: p["from"].bare == broker.jid and p["status"])
        log = tmp_path / "broker.log"
        await eventually(lambda: "popups are shown" in log.read_text())
        yield Race(broker, agent, phone, x_server, tmp_path / "state/audit")
        assert process.poll() is None, (tmp_path / "broker.log").read_text()


def _configuration(broker: Account, josh: Account, ada: Account, directory: Path) -> Path:
    password = directory / "password"
    password.touch(mode=0o600)
    password.write_text(broker.password)
    path = directory / "broker.toml"
    path.touch(mode=0o600)
    settings = {
        "role": "workstation", "jid": broker.jid, "password_file": str(password),
        "human_jid": josh.jid, "approvers": [josh.jid], "socket": str(directory / "run/socket"),
        "state_directory": str(directory / "state"), "agents": {"ada": {"jids": [ada.jid]}},
        **connection(broker.server.port),
    }  # fmt: skip
    path.write_text(tomli_w.dumps(settings))
    (directory / "run").mkdir(mode=0o700)
    return path


def _start(configuration: Path, screen: XServer, directory: Path) -> subprocess.Popen[bytes]:
    environment = screen.environment(directory)
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    with (directory / "broker.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "nuketown_broker", "--config", str(configuration)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


async def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    await asyncio.to_thread(process.wait, 20)


async def test_the_phone_is_first(race: Race) -> None:
    request, notice, _ = await race.begins("survey the north")
    race.phone.say(race.broker.jid, "yes")
    by, verdict = await response(race.ada, request)
    assert (by, verdict.result) == (race.broker.jid, "approved")
    await race.desk_is_empty()
    shown = await race.corrected(notice)
    name = re.escape(race.phone.bare)
    assert re.match(rf"✅ approved in chat by {name}, \d\d:\d\d\n", shown), shown
    (outcome,) = race.outcomes(request)
    assert outcome["channel"] == "chat"


async def test_the_desk_is_first(race: Race) -> None:
    request, notice, window = await race.begins("survey the south")
    await race.approve_at_the_desk(window)
    _, verdict = await response(race.ada, request)
    assert verdict.result == "approved"
    await race.desk_is_empty()
    shown = await race.corrected(notice)
    assert re.match(r"✅ approved on desktop by \S+, \d\d:\d\d\n", shown), shown
    race.phone.say(race.broker.jid, f"no {code_of(notice)}")
    late = await race.phone.message(lambda m: "lready decided" in m["body"])
    assert "approved on desktop by" in late["body"]
    (outcome,) = race.outcomes(request)
    assert (outcome["channel"], outcome["result"]) == ("desktop", "approved")


async def test_both_at_once_end_as_one(race: Race) -> None:
    """The desk says yes while the phone says no: whoever was first, all are told the same."""
    for number in range(4):
        request, notice, window = await race.begins(f"survey number {number}")
        say_no = _after(0.06 * number, race.phone.say, race.broker.jid, f"no {code_of(notice)}")
        await asyncio.gather(race.approve_at_the_desk(window), say_no)
        _, verdict = await response(race.ada, request)
        shown = await race.corrected(notice)
        await race.desk_is_empty()
        (outcome,) = race.outcomes(request)
        winner = {"approved": "desktop", "denied": "chat"}[verdict.result]
        assert (outcome["channel"], outcome["result"]) == (winner, verdict.result)
        wording = {"desktop": "✅ approved on desktop", "chat": "⛔ denied in chat"}[winner]
        assert shown.startswith(wording), shown


async def _after(seconds: float, say: Callable[..., object], *words: str) -> None:
    await asyncio.sleep(seconds)
    say(*words)
