"""A broker without an account of its own: it tells the human in their own chat."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.phone_town import (
    ADA_UID,
    connection,
    correction_of,
    delegation,
    is_notice,
    open_town,
    password_file,
    react,
    response,
    send_request,
)
from tests.prosody_fixture import Person, eventually, make_account

pytestmark = pytest.mark.timeout(60)


class World:
    def __init__(self, server, josh, ada, tmp_path):
        self.server, self.josh, self.ada, self.tmp_path = server, josh, ada, tmp_path

    def open(self, **keywords):
        settings = {
            **connection(self.server),
            "human_jid": self.josh.jid,
            "human_password_file": password_file(self.josh, self.tmp_path),
            "approvers": [self.josh.jid],
            "agents": {"ada": {"uid": ADA_UID, "jids": [self.ada.jid], "role": "software"}},
        }
        return open_town(self.tmp_path / "state", settings, **keywords)

    @asynccontextmanager
    async def one_pending(self):
        """``town, phone, request, outcome, notice``; the desk's client has the higher priority."""
        async with (
            Person(self.josh, "phone", carbons=True) as phone,
            Person(self.josh, "desk", carbons=True, priority=5) as desk,
            self.open() as town,
        ):
            request = town.sudo("mkfs", "/dev/x")
            outcome = town.asks(request)
            notice = await desk.message(is_notice)
            await phone.wait_for(lambda: shown(phone))
            yield town, phone, request, outcome, notice


@pytest.fixture
async def world(prosody_server, tmp_path):
    josh, ada = [await make_account(prosody_server, name) for name in ("josh", "ada")]
    return World(prosody_server, josh, ada, tmp_path)


def shown(person):
    """Message id → body of all that a client shows: what came, and what was inside a copy."""
    found = {}
    for message in person.messages:
        for element in message.xml.iter("{jabber:client}message"):
            body = element.findtext("{jabber:client}body")
            if body:
                found[element.get("id")] = body
    return found


async def test_every_client_is_told_and_how_to_answer(world):
    async with world.one_pending() as (_, phone, request, _, notice):
        body = notice["body"]
        assert "asks for sudo on desk:\nmkfs /dev/x" in body
        assert "Nothing said in this chat is an answer" in body
        assert f"nuketown approve {request.id}" in body
        assert "yes" not in body
        assert notice.xml.find("{urn:xmpp:tmp:quick-response}response") is None
        assert notice["from"].full == f"{world.josh.jid}/nuketown-broker"
        # Some clients get it in two ways; the id lets them see that it is one message.
        assert shown(phone) == {notice["id"]: body}


async def test_the_notice_is_corrected(world):
    async with world.one_pending() as (town, phone, request, outcome, notice):
        assert await town.press(request.id)
        assert (await outcome).verdict.result == "approved"
        await phone.wait_for(lambda: len(shown(phone)) == 2)
        (corrected,) = [body for known, body in shown(phone).items() if known != notice["id"]]
        assert "approved" in corrected


@pytest.mark.attack
async def test_attack_nothing_said_in_the_own_chat_is_an_answer(world):
    async with world.one_pending() as (town, phone, request, outcome, notice):
        (kept,) = town.phone._notices.waiting()
        for said in ("yes", "no", f"yes {kept.code}", f"no {kept.code}", f"yes {request.id}"):
            phone.say(world.josh.jid, said)
            phone.say(f"{world.josh.jid}/nuketown-broker", said)
        for emoji in "👍👎":
            react(phone, world.josh.jid, notice["id"], emoji)
            react(phone, f"{world.josh.jid}/nuketown-broker", notice["id"], emoji)
        # What is heard after all of that has been heard after all of that.
        async with Person(world.ada) as ada:
            await phone.settled()
            asked = delegation()
            send_request(ada, world.josh.jid, asked, kind="chat")
            await town.shown_at_the_desk(asked.id)
            assert town.is_pending(request)
            assert not outcome.done()
            assert await town.press(request.id, "denied")
            assert (await outcome).verdict.result == "denied"
            assert await town.press(asked.id)
            assert (await response(ada, asked))[1].result == "approved"


@pytest.mark.attack
async def test_attack_copies_of_the_notices_are_not_acted_on(world):
    """Said again in the chat, a notice comes to the broker: it asks nobody and says nothing."""
    async with world.one_pending() as (town, phone, request, outcome, notice):
        client = town.phone._account.client
        heard = []

        def hear(stanza):
            heard.append(str(stanza))
            return stanza

        client.add_filter("in", hear, -100)  # before all others
        copy = phone.make_message(world.josh.jid, notice["body"], mtype="chat")
        copy["approval"]["request"] = town.sudo("mkfs", "/dev/y")
        copy.send()
        await eventually(lambda: any("urn:nuketown:approval" in stanza for stanza in heard))
        known = set(shown(phone))
        await client.plugin["xep_0199"].ping(timeout=10)
        await phone.settled()
        assert len(town.broker.pending.all()) == 1
        assert [question.request.id for question in town.desk.asked] == [request.id]
        assert set(shown(phone)) == known
        assert await town.press(request.id, "denied")
        assert (await asyncio.wait_for(outcome, 10)).verdict.result == "denied"
        await phone.wait_for(lambda: len(shown(phone)) == len(known) + 1)


async def test_after_a_restart_the_standing_notice_is_corrected(world):
    async with Person(world.josh) as phone:
        async with world.open(kill=True) as town:
            outcome = town.asks(town.sudo("mkfs", "/dev/x"))
            town.outcomes.clear()
            notice = await phone.message(is_notice)
        async with world.open():
            corrected = await phone.message(correction_of(notice))
            assert "denied: the broker restarted" in corrected["body"]
        outcome.cancel()
