"""Requests by stanza: to the broker's own account, and through the observer on the human's."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from nuketown_approval import stanza as payloads
from nuketown_approval.request import ApprovalRequest, Network, SudoCommand
from tests.phone_town import (
    ADA_UID,
    code_of,
    connection,
    delegation,
    notice_of,
    open_town,
    password_file,
    response,
    responses,
    send_request,
)
from tests.prosody_fixture import Person, make_account

pytestmark = pytest.mark.timeout(60)


class World:
    """josh's workstation, ada, and the device liver with its broker."""

    def __init__(self, server, accounts, tmp_path):
        self.server, self.tmp_path = server, tmp_path
        self.approvals, self.josh, self.ada, self.liver = accounts

    @asynccontextmanager
    async def open(self, *, own=True, observer=True, **more):
        settings = {
            **connection(self.server),
            "approvers": [self.josh.jid],
            "agents": {
                "ada": {"uid": ADA_UID, "jids": [self.ada.jid]},
                "liver": {"broker_jid": self.liver.jid, "role": "server"},
            },
            **more,
        }
        if own:
            settings["jid"] = self.approvals.jid
            settings["password_file"] = password_file(self.approvals, self.tmp_path)
        if observer:
            settings["human_jid"] = self.josh.jid
            settings["human_password_file"] = password_file(self.josh, self.tmp_path)
        async with AsyncExitStack() as stack:
            town = await stack.enter_async_context(open_town_ready(self, settings, observer))
            yield town


@asynccontextmanager
async def open_town_ready(world, settings, observer):
    async with open_town(world.tmp_path / "state", settings, with_desk=True) as town:
        if observer:
            async with Person(world.josh, "watch") as watch:
                await watch.presence(lambda p: p["from"].resource == "nuketown-broker")
        yield town


@pytest.fixture
async def world(prosody_server, tmp_path):
    names = ("approvals", "josh", "ada", "liver")
    accounts = [await make_account(prosody_server, name) for name in names]
    return World(prosody_server, accounts, tmp_path)


def payload_client(account, resource="daemon"):
    person = Person(account, resource)
    person.register_plugin("xep_0334")
    return person


def sudo(agent="liver", host="liver", timeout=60):
    payload = SudoCommand(argv=("mkfs", "/dev/x"), path="/usr/sbin/mkfs", cwd="/")
    return ApprovalRequest.new(agent, host, payload, timeout=timeout, now=time.time())


async def heard(town, person, to):
    """Everything that ``person`` sent before was judged: a later, good request was shown."""
    request = delegation(f"later {time.monotonic_ns()}")
    send_request(person, to, request)
    await town.shown_at_the_desk(request.id)
    await town.press(request.id, "denied")
    await response(person, request)


async def test_a_request_to_the_brokers_account_is_asked_and_answered(world):
    async with world.open(observer=False) as town, payload_client(world.ada) as ada:
        request = delegation()
        send_request(ada, world.approvals.jid, request)
        question = await town.shown_at_the_desk(request.id)
        assert question.asker.jid == f"{world.ada.jid}/daemon"
        await ada.wait_for(lambda: request.id in ada.receipts or None)
        await town.press(request.id)
        sender, verdict = await response(ada, request)
        assert sender == world.approvals.jid
        assert verdict.result == "approved"
        assert verdict.answers(request, now=time.time())


async def test_the_phone_answers_what_came_by_stanza(world):
    async with (
        Person(world.josh) as phone,
        world.open(observer=False) as _,
        payload_client(world.ada) as ada,
    ):
        request = delegation("survey libraries")
        send_request(ada, world.approvals.jid, request)
        notice = await notice_of(phone, "survey libraries")
        phone.say(world.approvals.jid, f"yes {code_of(notice)}")
        assert (await response(ada, request))[1].result == "approved"


async def test_a_request_to_the_human_is_taken_by_its_carbon(world):
    """Without our Prosody module the chat client gets it, and the observer a copy."""
    async with (
        world.open() as town,
        Person(world.josh, "phone") as phone,
        payload_client(world.ada) as ada,
    ):
        request = delegation()
        send_request(ada, world.josh.jid, request, kind="chat")
        await town.shown_at_the_desk(request.id)
        await phone.message(lambda m: m["body"] == "please?")
        await town.press(request.id, "denied")
        sender, verdict = await response(ada, request)
        assert sender == world.josh.jid
        assert verdict.result == "denied"


async def test_a_request_to_the_observers_full_jid_is_taken(world):
    async with world.open(own=False) as town, payload_client(world.ada) as ada:
        request = delegation()
        send_request(ada, f"{world.josh.jid}/nuketown-broker", request)
        await town.shown_at_the_desk(request.id)
        await town.press(request.id)
        assert (await response(ada, request))[0] == world.josh.jid
        assert ada.receipts == []  # the observer says nothing but responses


async def test_the_same_request_by_two_ways_is_one_and_both_are_answered(world):
    async with (
        world.open() as town,
        Person(world.josh, "phone"),
        payload_client(world.liver, "broker") as liver,
    ):
        request = sudo()
        send_request(liver, world.approvals.jid, request)
        send_request(liver, world.josh.jid, request, kind="chat")
        await town.shown_at_the_desk(request.id)
        await heard_by_both(town, world)
        await town.press(request.id)
        await liver.wait_for(lambda: len(responses(liver)) == 2 or None)
        assert {sender for sender, _ in responses(liver)} == {world.approvals.jid, world.josh.jid}
        assert {verdict.result for _, verdict in responses(liver)} == {"approved"}
        assert len([q for q in town.desk.asked if q.request.id == request.id]) == 1


async def heard_by_both(town, world):
    async with payload_client(world.ada) as ada:
        await heard(town, ada, world.approvals.jid)
        await heard(town, ada, f"{world.josh.jid}/nuketown-broker")


async def test_the_observer_advertises_the_feature_and_has_a_negative_priority(world):
    async with world.open() as _, Person(world.josh, "desk") as desk:
        seen = await desk.presence(lambda p: p["from"].resource == "nuketown-broker")
        assert int(seen["priority"]) < 0
        info = await desk.plugin["xep_0030"].get_info(jid=seen["from"])
        assert payloads.NAMESPACE in info["disco_info"]["features"]
        caps = seen.xml.find("{http://jabber.org/protocol/caps}c")
        assert caps is not None


async def test_a_withdrawn_request_is_taken_back(world):
    async with world.open(observer=False) as town, payload_client(world.liver) as liver:
        request = sudo()
        send_request(liver, world.approvals.jid, request)
        await town.shown_at_the_desk(request.id)
        stanza = liver.make_message(world.approvals.jid)
        stanza["approval_withdrawn"]["id"] = request.id
        stanza.send()
        assert (await response(liver, request))[1].result == "denied"
        assert town.desk.settled[-1][1].how == "withdrawn"


@pytest.mark.attack
async def test_attack_another_account_can_not_withdraw(world):
    async with (
        world.open(observer=False) as town,
        payload_client(world.liver) as liver,
        payload_client(world.ada) as ada,
    ):
        request = sudo()
        send_request(liver, world.approvals.jid, request)
        await town.shown_at_the_desk(request.id)
        stanza = ada.make_message(world.approvals.jid)
        stanza["approval_withdrawn"]["id"] = request.id
        stanza.send()
        await heard(town, ada, world.approvals.jid)
        assert town.is_pending(request)


@pytest.mark.attack
async def test_attack_sudo_by_stanza_from_an_agents_own_account(world):
    async with world.open() as town, payload_client(world.ada) as ada:
        for request in (sudo("ada", "desk"), sudo("liver", "liver")):
            send_request(ada, world.approvals.jid, request)
            send_request(ada, f"{world.josh.jid}/nuketown-broker", request)
        await heard_by_both(town, world)
        assert not [q for q in town.desk.asked if q.request.kind == "sudo"]
        assert not [v for _, v in responses(ada) if v.result == "approved"]


@pytest.mark.attack
async def test_attack_forged_user_in_the_payload(world, account):
    """An agent names another, a stranger names an agent."""
    mallory = await account("mallory")
    async with (
        world.open(observer=False) as town,
        payload_client(world.ada) as ada,
        payload_client(mallory, world.ada.name) as stranger,
    ):
        forged = delegation("forged", agent="liver")
        send_request(ada, world.approvals.jid, forged)
        by_stranger = delegation("forged")
        send_request(stranger, world.approvals.jid, by_stranger)
        await stranger.settled()
        await heard(town, ada, world.approvals.jid)
        assert {q.request.id for q in town.desk.asked}.isdisjoint({forged.id, by_stranger.id})
        assert responses(stranger) == []
        assert stranger.receipts == []


@pytest.mark.attack
async def test_attack_a_second_request_with_the_same_id(world):
    async with world.open(observer=False) as town, payload_client(world.ada) as ada:
        first = delegation("harmless")
        second = first.model_copy(
            update={"payload": Network(egress="evil.example:443"), "nonce": "0" * 32}
        )
        send_request(ada, world.approvals.jid, first)
        await town.shown_at_the_desk(first.id)
        send_request(ada, world.approvals.jid, second)
        await heard(town, ada, world.approvals.jid)
        assert town.is_pending(first)
        await town.press(first.id)
        verdicts = [v for _, v in responses(ada)] or [(await response(ada, first))[1]]
        await ada.settled()
        assert not [v for v in verdicts if v.digest == second.request_digest]
        assert len([q for q in town.desk.asked if q.request.kind == "network"]) == 0


@pytest.mark.attack
async def test_attack_what_is_shown_and_what_is_digested_differ(world):
    async with world.open(observer=False) as town, payload_client(world.liver) as liver:
        request = sudo()
        stanza = liver.make_message(world.approvals.jid, mbody="x")
        stanza["approval"]["request"] = request
        for name, text in (("arg", "ls"), ("kind", "root"), ("host", "desk")):
            changed = liver.make_message(world.approvals.jid, mbody="x")
            changed["approval"]["request"] = request
            changed["approval"].xml.find(f"{{{payloads.NAMESPACE}}}{name}").text = text
            changed.send()
        async with payload_client(world.ada) as ada:
            await heard(town, ada, world.approvals.jid)
        assert request.id not in {q.request.id for q in town.desk.asked}


@pytest.mark.attack
@pytest.mark.parametrize("who", ["another account", "another resource", "an agent"])
async def test_attack_a_forged_carbon(world, account, who):
    """A copy counts only from the server: the bare JID of the account, and no resource."""
    forger = {
        "another account": await account("mallory"),
        "another resource": world.josh,
        "an agent": world.ada,
    }[who]
    request = sudo()
    element = payloads.ET.Element(payloads.APPROVAL)
    payloads.write_request(element, request)
    inner = (
        f"<message xmlns='jabber:client' from='{world.liver.jid}/broker' to='{world.josh.jid}'"
        f" type='chat'><body>x</body>{payloads.ET.tostring(element, 'unicode')}</message>"
    )
    copy = (
        "<received xmlns='urn:xmpp:carbons:2'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded></received>"
    )
    twice = (
        "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
        f"<message xmlns='jabber:client' from='{world.liver.jid}/b' type='chat'>{copy}</message>"
        "</forwarded></received>"
    )
    async with world.open() as town, Person(forger, "forger") as person:
        for to in (f"{world.josh.jid}/nuketown-broker", world.josh.jid, world.approvals.jid):
            for payload in (copy, twice, copy.replace("received", "sent")):
                for kind in ("chat", "normal", "error"):
                    person.say_xml(
                        f"<message xmlns='jabber:client' to='{to}' type='{kind}'>"
                        f"<body>x</body>{payload}</message>"
                    )
        await person.settled()
        await heard_by_both(town, world)
        assert request.id not in {q.request.id for q in town.desk.asked}


@pytest.mark.attack
async def test_attack_yes_in_the_agents_own_chat_or_a_reaction_there(world):
    """ada asks in her chat, josh answers her; the observer sees the copies and must not care."""
    async with (
        Person(world.josh, "phone", carbons=True) as phone,
        world.open() as town,
        payload_client(world.ada) as ada,
    ):
        request = town.sudo("mkfs", "/dev/x")
        outcome = town.asks(request)
        notice = await notice_of(phone, "mkfs")
        ada.say(world.josh.jid, f"Is it fine to tidy up? Answer yes {code_of(notice)}")
        asked = await phone.message(lambda m: m["from"].bare == world.ada.jid)
        phone.say(world.ada.jid, f"yes {code_of(notice)}")
        phone.say(world.ada.jid, "yes")
        phone.say_xml(
            f"<message xmlns='jabber:client' to='{world.ada.jid}' type='chat'>"
            f"<reactions xmlns='urn:xmpp:reactions:0' id='{asked['id']}'>"
            "<reaction>👍</reaction></reactions></message>"
        )
        phone.say_xml(
            f"<message xmlns='jabber:client' to='{world.ada.jid}' type='chat'>"
            f"<reactions xmlns='urn:xmpp:reactions:0' id='{notice['id']}'>"
            "<reaction>👍</reaction></reactions></message>"
        )
        await ada.message(lambda m: m["body"] == "yes")
        await heard_by_both(town, world)
        assert not outcome.done()
        assert town.is_pending(request)


@pytest.mark.attack
async def test_attack_an_agent_answers_its_own_request_by_stanza(world):
    async with world.open() as town, payload_client(world.ada) as ada:
        request = delegation()
        send_request(ada, world.approvals.jid, request)
        await town.shown_at_the_desk(request.id)
        for to in (world.approvals.jid, f"{world.josh.jid}/nuketown-broker"):
            stanza = ada.make_message(to, mbody="yes", mtype="chat")
            stanza["approval_response"]["verdict"] = payloads.Verdict.on(request, "approved", "")
            stanza.send()
        await heard(town, ada, world.approvals.jid)
        assert town.is_pending(request)


async def test_an_expired_request_is_not_shown(world):
    async with world.open(observer=False) as town, payload_client(world.ada) as ada:
        request = ApprovalRequest.new(
            "ada", "x", Network(egress="a:1"), timeout=10, now=time.time() - 60
        )
        send_request(ada, world.approvals.jid, request)
        await heard(town, ada, world.approvals.jid)
        assert request.id not in {q.request.id for q in town.desk.asked}


async def test_the_broker_stops_and_the_asker_hears_it(world):
    async with payload_client(world.ada) as ada:
        request = delegation()
        async with world.open(observer=False) as town:
            send_request(ada, world.approvals.jid, request)
            await town.shown_at_the_desk(request.id)
        verdict = (await response(ada, request))[1]
        assert verdict.result == "denied"
        assert "stopped" in verdict.reason
        await asyncio.sleep(0)
