"""From a DM to root and back: the documented units, real sudo, an owner with a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuketown_demo.account_town import AccountTown
from nuketown_demo.container import CHECKOUT, ENVIRONMENT, PYTHON_PATH
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.scripted_model import demo_script
from nuketown_demo.town import AGENT, OWNER
from tests.phone_town import correction_of, notice_of
from tests.prosody_fixture import Account, Person

pytestmark = pytest.mark.systemd
KEY = "sk-ant-of-the-units-0123456789"
UNIT = "nuketown-broker.service"


@pytest.fixture
async def town(short_tmp: Path) -> AsyncIterator[AccountTown]:
    """A town whose broker is josh's user service, as docs/nuketown-broker.service has it."""
    directory = short_tmp / "town"
    directory.mkdir()
    async with (
        MessagesApi(demo_script, api_key=KEY) as api,
        AccountTown(directory, api_url=api.url, api_key=KEY) as town,
    ):
        home, container = f"/home/{OWNER}", town.container
        program = f"exec {ENVIRONMENT}/bin/python -m nuketown_broker\n"
        container.write(
            f"{home}/.local/bin/nuketown-broker",
            f"#!/bin/sh\nexport PYTHONPATH={PYTHON_PATH}\n{program}", owner=OWNER, mode=0o755,
        )  # fmt: skip
        text = (CHECKOUT / "docs" / UNIT).read_text()
        container.write(f"{home}/.config/systemd/user/{UNIT}", text, owner=OWNER)
        await town.run("systemctl", "--user", "daemon-reload", user=OWNER)
        await town.run("systemctl", "--user", "start", UNIT, user=OWNER)
        await town.start_daemon()
        yield town


@pytest.fixture
async def phone(town: AccountTown) -> AsyncIterator[Person]:
    """The owner's, who sees the presence of ada and of the broker."""
    async with Person(Account(town.owner, town.passwords[OWNER], town.server)) as person:
        person.auto_authorize = True
        for contact in (town.agent, town.approvals):
            person.send_presence_subscription(pto=contact, ptype="subscribe")
        await person.presence(lambda p: p["from"].bare == town.agent and p["show"] == "chat")
        await person.presence(lambda p: p["from"].bare == town.approvals and p["status"])
        yield person


def _shown(phone: Person, agent: str) -> list[tuple[str, str]]:
    """Presences of the agent in order, each change once."""
    seen: list[tuple[str, str]] = []
    for presence in phone.presences:
        if presence["from"].bare == agent and presence["status"]:
            state = (str(presence["show"]), str(presence["status"]))
            if seen[-1:] != [state]:
                seen.append(state)
    return seen


async def test_a_message_becomes_root_after_a_yes(town: AccountTown, phone: Person) -> None:
    phone.say(town.agent, town.request)
    notice = await notice_of(phone, "install --directory --owner=ada /srv/hello")
    assert notice["from"].bare == town.approvals
    await phone.presence(lambda p: p["status"] == "Waiting for sudo approval")
    assert await town.run("ls", "/srv") == ""
    phone.say(town.approvals, "yes")
    done = await phone.message(lambda m: m["body"].startswith("Done: "), 30)
    assert "/srv/hello is there and mine: drwxr-xr-x ada" in done["body"]
    assert "✅ approved in chat by" in (await phone.message(correction_of(notice)))["body"]
    assert "drwxr-xr-x ada /srv/hello" in await town.proof()
    await phone.wait_for(lambda: _shown(phone, town.agent)[-1] == ("chat", "Ready"))
    task = "Working: make a directory /srv/hello that is yours"
    assert _shown(phone, town.agent) == [
        ("chat", "Ready"),
        ("dnd", task),
        ("away", "Waiting for sudo approval"),
        ("dnd", task),
        ("chat", "Ready"),
    ]
    assert "approved in chat by josh@localhost" in await town.audit()


async def test_a_no_runs_nothing_and_the_session_goes_on(town: AccountTown, phone: Person) -> None:
    phone.say(town.agent, town.request)
    await notice_of(phone, "install --directory")
    # In ada's own chat a yes is no answer.
    phone.say(town.agent, "yes")
    phone.say(town.approvals, "no")
    done = await phone.message(lambda m: "I made nothing" in m["body"], 30)
    assert "denied in chat by" in done["body"]
    assert await town.run("ls", "/srv") == ""


async def test_a_broker_that_dies_denies(town: AccountTown, phone: Person) -> None:
    phone.say(town.agent, town.request)
    await notice_of(phone, "install --directory")
    await town.run("systemctl", "--user", "kill", "--signal=KILL", UNIT, user=OWNER)
    await phone.message(lambda m: "I made nothing" in m["body"], 30)
    assert await town.run("ls", "/srv") == ""
    told = await phone.message(lambda m: "the broker restarted" in m["body"], 30)
    assert told["from"].bare == town.approvals
    assert AGENT in told["body"]
