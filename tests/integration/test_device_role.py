"""A device asks the human's side by stanza; who answers, and what counts."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from nuketown_approval.stanza import Verdict
from nuketown_broker.broker import Keys
from nuketown_broker.keys import generate, read_private, read_public
from tests.phone_town import (
    ADA_UID,
    code_of,
    connection,
    correction_of,
    open_town,
    password_file,
    react,
)
from tests.prosody_fixture import Person, make_account

pytestmark = pytest.mark.timeout(60)


class World:
    """The device liver (with ada on it), and josh's workstation with approvals@."""

    def __init__(self, server, accounts, tmp_path):
        self.server, self.tmp_path = server, tmp_path
        self.approvals, self.josh, self.liver, self.ada = accounts

    @asynccontextmanager
    async def device(self, *, receipt_s=5.0, keys=None, **more):
        settings = {
            **connection(self.server),
            "role": "device",
            "host_name": "liver",
            "jid": self.liver.jid,
            "password_file": password_file(self.liver, self.tmp_path),
            "human_jid": self.josh.jid,
            "approval_jid": self.approvals.jid,
            "approvers": [self.josh.jid],
            "agents": {"ada": {"uid": ADA_UID, "jids": [self.ada.jid],
                               "pre_approved": ["systemctl restart *"]}},
            **more,
        }  # fmt: skip
        state = self.tmp_path / "device"
        async with open_town(
            state, settings, keys=keys, with_desk=False, receipt_s=receipt_s
        ) as town:
            yield town

    @asynccontextmanager
    async def workstation(self, *, keys=None, **more):
        settings = {
            **connection(self.server),
            "jid": self.approvals.jid,
            "password_file": password_file(self.approvals, self.tmp_path),
            "approvers": [self.josh.jid],
            "agents": {"ada": {"broker_jid": self.liver.jid}},
            **more,
        }
        async with open_town(self.tmp_path / "workstation", settings, keys=keys) as town:
            yield town


@pytest.fixture
async def world(prosody_server, tmp_path):
    names = ("approvals", "josh", "liver", "ada")
    accounts = [await make_account(prosody_server, name) for name in names]
    return World(prosody_server, accounts, tmp_path)


async def verdict_of(outcome):
    return (await asyncio.wait_for(outcome, 15)).verdict


def broker_person(account):
    """A human-side broker that a test plays."""
    person = Person(account, "nuketown-broker")
    person.plugin["xep_0184"].auto_ack = True
    return person


async def asked(person):
    """The request that ``person`` was sent."""
    message = await person.message(
        lambda m: m.xml.find("{urn:nuketown:approval}approval") is not None
    )
    return message, message["approval"]["request"]


def respond(person, to, verdict, **attributes):
    message = person.make_message(to, mtype="normal")
    message["approval_response"]["verdict"] = verdict
    for name, value in attributes.items():
        message[name] = value
    message.send()


async def test_the_workstation_answers_for_the_device(world):
    async with world.workstation() as desk, world.device() as device:
        request = device.sudo("nixos-rebuild", "switch")
        outcome = device.asks(request)
        question = await desk.shown_at_the_desk(request.id)
        assert question.request == request
        assert question.asker.jid == f"{world.liver.jid}/nuketown-broker"
        await desk.press(request.id)
        verdict = await verdict_of(outcome)
        assert verdict.result == "approved"
        assert verdict.answers(request, now=time.time())


async def test_the_popup_closes_when_the_asker_leaves(world):
    async with world.workstation() as desk, world.device() as device:
        request = device.sudo("nixos-rebuild", "switch")
        gone = asyncio.Event()
        outcome = device.asks(request, gone=gone)
        await desk.shown_at_the_desk(request.id)
        gone.set()
        assert (await verdict_of(outcome)).result == "denied"
        await desk.waiting(0)
        assert desk.desk.settled[-1][1].how == "withdrawn"


async def test_without_a_receipt_the_human_is_asked_and_answers_in_chat(world):
    async with Person(world.josh) as phone, world.device(receipt_s=0.2) as device:
        request = device.sudo("nixos-rebuild", "switch")
        outcome = device.asks(request)
        message, shown = await asked(phone)
        assert shown == request
        assert "nixos-rebuild switch" in message["body"]
        assert message.xml.find("{urn:xmpp:hints}store") is not None
        phone.say(world.liver.jid, f"yes {code_of(message)}")
        verdict = await verdict_of(outcome)
        assert verdict.result == "approved"
        assert f"in chat by {world.josh.jid}" in verdict.reason
        await phone.message(correction_of(message))


async def test_a_reaction_to_the_devices_notice_counts(world):
    async with Person(world.josh) as phone, world.device(receipt_s=0.2) as device:
        outcome = device.asks(device.sudo("true"))
        message, _ = await asked(phone)
        react(phone, world.liver.jid, message["id"], "👎")
        assert (await verdict_of(outcome)).result == "denied"


async def test_with_a_receipt_the_human_is_not_asked_twice(world):
    async with (
        Person(world.josh) as phone,
        broker_person(world.approvals) as broker,
        world.device(receipt_s=0.5) as device,
    ):
        request = device.sudo("true")
        outcome = device.asks(request)
        await asked(broker)
        await asyncio.sleep(1.0)  # longer than the receipt is waited for
        await phone.settled()
        assert phone.bodies() == []
        respond(broker, world.liver.jid, Verdict.on(request, "denied", "no"))
        assert (await verdict_of(outcome)).result == "denied"


async def test_offline_pre_approved_commands_work_and_the_rest_is_denied_at_once(world):
    async with world.device() as device:
        device.phone._account.client.online.clear()
        began = time.monotonic()
        allowed = await verdict_of(device.asks(device.sudo("systemctl", "restart", "nginx")))
        denied = await verdict_of(device.asks(device.sudo("true")))
        assert time.monotonic() - began < 3
        assert allowed.result == "approved"
        assert denied.result == "denied"
        assert "nobody can be asked now" in denied.reason


@pytest.mark.attack
async def test_attack_responses_of_others_do_not_count(world, account):
    mallory = await account("mallory")
    look_alike = await account(world.approvals.name.replace("a", "\u0430"))
    async with broker_person(world.approvals) as broker, world.device() as device:
        request = device.sudo("true")
        outcome = device.asks(request)
        await asked(broker)
        for who in (mallory, look_alike, world.ada, world.josh):
            # josh was not asked: there was a receipt.
            async with Person(who, "nuketown-broker") as person:
                respond(
                    person,
                    f"{world.liver.jid}/nuketown-broker",
                    Verdict.on(request, "approved", ""),
                )
                await person.settled()
        respond(broker, world.liver.jid, Verdict.on(request, "denied", "the real one"))
        assert (await verdict_of(outcome)).result == "denied"


@pytest.mark.attack
async def test_attack_an_answer_for_one_request_with_the_digest_of_another(world):
    async with broker_person(world.approvals) as broker, world.device() as device:
        first, second = device.sudo("true"), device.sudo("false")
        outcomes = [device.asks(first), device.asks(second)]
        await asked(broker)
        await device.waiting(2)
        good = Verdict.on(first, "approved", "")
        for wrong in (
            good.model_copy(update={"id": second.id}),
            good.model_copy(update={"digest": second.request_digest}),
            good.model_copy(update={"expires": good.expires + 60}),
            Verdict.on(device.sudo("true"), "approved", ""),
        ):
            respond(broker, world.liver.jid, wrong)
        respond(broker, world.liver.jid, good, type="error")
        respond(broker, world.liver.jid, Verdict.on(second, "denied", ""))
        respond(broker, world.liver.jid, Verdict.on(first, "denied", ""))
        assert [(await verdict_of(o)).result for o in outcomes] == ["denied", "denied"]


@pytest.mark.attack
async def test_attack_unsigned_wrongly_signed_expired_and_replayed_verdicts(world, tmp_path):
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    public, _ = generate(right), generate(wrong)
    keys = Keys(verifying=read_public(public))
    async with (
        broker_person(world.approvals) as broker,
        world.device(keys=keys, approver_key=public) as device,
    ):
        request, other = device.sudo("true"), device.sudo("true")
        outcome = device.asks(request)
        await asked(broker)
        good = Verdict.on(request, "approved", "")
        signed_denial = Verdict.on(request, "denied", "").sign(read_private(right))
        replayed = Verdict.on(other, "approved", "").sign(read_private(right))
        expired = good.model_copy(update={"expires": 1}).sign(read_private(right))
        for bad in (
            good,
            good.sign(read_private(wrong)),
            good.model_copy(update={"signature": signed_denial.signature}),
            replayed,
            replayed.model_copy(update={"id": request.id}),
            expired,
        ):
            respond(broker, world.liver.jid, bad)
        respond(broker, world.liver.jid, good.sign(read_private(right)))
        assert (await verdict_of(outcome)).result == "approved"
        refused = list((tmp_path / "device/audit").iterdir())
        text = "".join(path.read_text() for path in refused)
        assert text.count("not signed by the approver") == 3
        # The good one once more, for the same command asked again: it is used up.
        again = device.asks(other)
        await device.waiting(1)
        respond(broker, world.liver.jid, good.sign(read_private(right)))
        respond(broker, world.liver.jid, Verdict.on(other, "denied", ""))
        assert (await verdict_of(again)).result == "denied"


@pytest.mark.attack
async def test_attack_with_approver_key_chat_can_only_deny(world, tmp_path):
    public = generate(tmp_path / "key")
    keys = Keys(verifying=read_public(public))
    async with (
        Person(world.josh) as phone,
        world.device(receipt_s=0.2, keys=keys, approver_key=public) as device,
    ):
        outcome = device.asks(device.sudo("true"))
        message, _ = await asked(phone)
        phone.say(world.liver.jid, f"yes {code_of(message)}")
        await phone.message(
            lambda m: "only be approved at the desk" in m["body"] and m is not message
        )
        assert not outcome.done()
        phone.say(world.liver.jid, f"no {code_of(message)}")
        assert (await verdict_of(outcome)).result == "denied"


async def test_the_desk_signs_and_the_device_verifies(world, tmp_path):
    key = tmp_path / "key"
    public = generate(key)
    async with (
        world.workstation(keys=Keys(signing=read_private(key)), signing_key_file=key) as desk,
        world.device(keys=Keys(verifying=read_public(public)), approver_key=public) as device,
    ):
        request = device.sudo("nixos-rebuild", "switch")
        outcome = device.asks(request)
        await desk.shown_at_the_desk(request.id)
        await desk.press(request.id)
        assert (await verdict_of(outcome)).result == "approved"
