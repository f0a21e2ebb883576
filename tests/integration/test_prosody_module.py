"""mod_nuketown_approval in real servers: who gets a request, and who does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from nuketown_demo.prosody import HOST, Prosody
from tests import prosody13
from tests.prosody_fixture import Account, Person, make_account

NS = "urn:nuketown:approval"
DISCO = "http://jabber.org/protocol/disco#info"
CAPS = "http://jabber.org/protocol/caps"
MODULE = Path(__file__).parents[2] / "broker/prosody/mod_nuketown_approval.lua"
BODY = "ada asks: restart nginx?"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def release(request: pytest.FixtureRequest) -> Path | None:
    return prosody13.programs() if request.param == "13" else None


BOTH = [pytest.param("installed"), pytest.param("13", marks=pytest.mark.prosody13)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BOTH)
async def server(request, tmp_path_factory) -> AsyncIterator[Prosody]:
    directory = tmp_path_factory.mktemp("approval")
    async with Prosody(directory, modules=[MODULE], programs=release(request)) as server:
        yield server
        log = server.log.read_text()
        assert "error" not in log.lower(), log


@pytest_asyncio.fixture(loop_scope="module")
async def ada(server) -> AsyncIterator[Person]:
    async with Person(await make_account(server, "ada"), "daemon") as ada:
        yield ada


@pytest_asyncio.fixture(loop_scope="module")
async def josh(server) -> Account:
    return await make_account(server, "josh")


class Broker(Person):
    """A resource that advertises the feature, as the broker's observer does."""

    def __init__(
        self,
        account: Account,
        resource: str = "nuketown-broker",
        *,
        resumable: bool = False,
        **options: Any,
    ) -> None:
        options.setdefault("priority", -1)
        super().__init__(account, resource, **options)
        self.register_plugin("xep_0115")
        if resumable:
            self.register_plugin("xep_0198")
        self.asked = 0
        """Questions of the module (the server's other modules ask in the account's name)."""
        self.silent = False
        self.answer = ""
        self.plugin["xep_0030"].add_feature(NS)
        self.add_filter("in", self._count)

    def _count(self, stanza: Any) -> Any:
        if stanza.name != "iq" or stanza["type"] != "get" or stanza["from"] != "localhost":
            return stanza
        if stanza.xml.find(f"{{{DISCO}}}query") is None:
            return stanza
        self.asked += 1
        if self.answer:
            self.say_xml(
                f"<iq xmlns='jabber:client' type='result' to='localhost' id='{stanza['id']}'>"
                f"<query xmlns='{DISCO}'>{self.answer}</query></iq>"
            )
        return None if self.silent or self.answer else stanza

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.advertise()
        return self

    async def advertise(self, *, wanted: bool = True) -> None:
        change = self.plugin["xep_0030"].add_feature
        (change if wanted else self.plugin["xep_0030"].del_feature)(feature=NS)
        await self.plugin["xep_0115"].update_caps()
        self.send_presence(ppriority=self._priority)
        await known(self)

    def claim(self, ver: str) -> None:
        """Show presence with ``ver`` as the version of what this client can do."""
        self.say_xml(
            f"<presence xmlns='jabber:client'><priority>{self._priority}</priority>"
            f"<c xmlns='{CAPS}' hash='sha-1' ver='{ver}' node='urn:test'/></presence>"
        )


async def known(person: Person) -> None:
    """The server has asked whatever it wants to know, and has the answer."""
    for _ in range(3):
        await person.settled()


def request(to: str, *, ident: str = "a1", kind: str = "chat", more: str = "", body: str = BODY,
            inner: str | None = None) -> str:  # fmt: skip
    expires = int(time.time()) + 120
    approval = f"<approval xmlns='{NS}' id='{ident}'><agent>ada</agent><kind>sudo</kind>\
<timeout>120</timeout><expires>{expires}</expires></approval>"
    return f"<message xmlns='jabber:client' to='{to}' type='{kind}' id='{ident}'>\
<body>{body}</body>{approval if inner is None else inner}{more}</message>"


def approvals(person: Person) -> list[str]:
    """Ids of the requests that came, directly or wrapped in a copy."""
    return [x.get("id", "") for m in person.messages for x in m.xml.iter(f"{{{NS}}}approval")]


async def quiet(ada: Person, *people: Person) -> None:
    """Whatever ada sent before has reached everyone by now."""
    await ada.settled()
    for person in people:
        await person.settled()


@pytest.mark.parametrize("kind", ["chat", "normal"])
@pytest.mark.parametrize("priority", [-1, 0, 5])
async def test_only_the_broker_gets_it(ada, josh, kind, priority):
    async with (
        Person(josh, "phone", carbons=True, priority=3) as phone,
        Person(josh, "desk", carbons=True) as desk,
        Broker(josh, carbons=True, priority=priority) as broker,
    ):
        ada.say_xml(request(josh.jid, kind=kind))
        message = await broker.message()
        await quiet(ada, phone, desk, broker)
        assert message["to"].full == broker.boundjid.full
        assert message["body"] == BODY
        assert approvals(broker) == ["a1"]
        assert phone.bodies() == desk.bodies() == approvals(phone) == approvals(desk) == []


async def test_two_brokers_get_it_and_the_archive_has_it_once(ada, josh):
    async with (
        Broker(josh, "one") as one,
        Broker(josh, "two") as two,
        Person(josh, carbons=True) as phone,
    ):
        ada.say_xml(request(josh.jid))
        assert (await one.message())["id"] == (await two.message())["id"]
        await quiet(ada, one, two, phone)
        assert approvals(one) == approvals(two) == ["a1"]
        assert approvals(phone) == []
        assert await archived(phone) == [BODY]


async def archived(person: Person) -> list[str]:
    archive = person.plugin["xep_0313"]
    return [str(m["mam_result"]["forwarded"]["stanza"]["body"]) async for m in archive.iterate()]


async def test_without_a_broker_it_is_an_ordinary_message(ada, josh):
    async with (
        Person(josh, "phone", priority=3) as phone,
        Person(josh, "desk", carbons=True) as desk,
    ):
        ada.say_xml(request(josh.jid))
        assert (await phone.message())["body"] == BODY
        await desk.wait_for(lambda: approvals(desk) == ["a1"])
        assert await archived(phone) == [BODY]


def withdrawal(to: str, ident: str) -> str:
    return f"<message xmlns='jabber:client' to='{to}' type='chat'><body>denied</body>\
<replace xmlns='urn:xmpp:message-correct:0' id='{ident}'/>\
<approval-withdrawn xmlns='{NS}' id='{ident}'/></message>"


def withdrawn(person: Person) -> list[str]:
    return [m["id"] for m in person.messages for _ in m.xml.iter(f"{{{NS}}}approval-withdrawn")]


async def test_a_withdrawal_goes_where_the_request_went(ada, josh):
    async with Person(josh, carbons=True) as phone:
        ada.say_xml(request(josh.jid, ident="seen"))
        await phone.wait_for(lambda: approvals(phone) == ["seen"])
        async with Broker(josh, carbons=True) as broker:
            ada.say_xml(request(josh.jid, ident="unseen"))
            ada.say_xml(withdrawal(josh.jid, "unseen"))
            await broker.wait_for(lambda: len(withdrawn(broker)) == 1)
            await quiet(ada, phone, broker)
            assert approvals(phone) == ["seen"]
            assert withdrawn(phone) == []
            ada.say_xml(withdrawal(josh.jid, "seen"))
            await phone.wait_for(lambda: len(withdrawn(phone)) == 1)
            await broker.wait_for(lambda: len(withdrawn(broker)) >= 2)
        ada.say_xml(withdrawal(josh.jid, "another"))
        await phone.wait_for(lambda: len(withdrawn(phone)) == 2)


@pytest.mark.attack
async def test_attack_a_stranger_withdraws_what_another_asked(ada, josh, server):
    """What people see of a withdrawal depends on its sender's own requests."""
    async with (
        Person(josh) as phone,
        Person(await make_account(server, "mallory"), "x") as mallory,
    ):
        ada.say_xml(request(josh.jid, ident="seen"))
        await phone.message()
        async with Broker(josh) as broker:
            mallory.say_xml(withdrawal(josh.jid, "seen"))
            await broker.wait_for(lambda: len(withdrawn(broker)) == 1)
            await quiet(mallory, phone, broker)
            assert withdrawn(phone) == []
            assert broker.messages[-1]["from"].bare == mallory.bare


async def test_feature_dropped_and_added_while_online(ada, josh):
    async with Person(josh) as phone, Broker(josh) as broker:
        for number, wanted in enumerate([False, True, False, True]):
            await broker.advertise(wanted=wanted)
            ada.say_xml(request(josh.jid, ident=f"a{number}"))
            taker = broker if wanted else phone
            await taker.wait_for(lambda n=number, t=taker: f"a{n}" in approvals(t))
        await quiet(ada, phone, broker)
        assert approvals(phone) == ["a0", "a2"]
        assert approvals(broker) == ["a1", "a3"]


async def test_unavailable_broker_gets_nothing(ada, josh):
    async with Person(josh) as phone, Broker(josh) as broker:
        broker.send_presence(ptype="unavailable")
        await known(broker)
        ada.say_xml(request(josh.jid))
        await phone.message()
        broker.send_presence(ppriority=-1)
        await known(broker)
        ada.say_xml(request(josh.jid, ident="a2"))
        await broker.message()
        await quiet(ada, phone, broker)
        assert (approvals(phone), approvals(broker)) == (["a1"], ["a2"])


async def test_client_without_capabilities_is_asked_once(ada, josh):
    async with Broker(josh) as broker:
        broker.plugin.disable("xep_0115")
        broker.send_presence(ptype="unavailable")
        await known(broker)
        broker.asked = 0
        for _ in range(5):
            broker.send_xml(ET.fromstring(
                "<presence xmlns='jabber:client'><priority>-1</priority></presence>"))  # fmt: skip
            await known(broker)
        assert broker.asked == 1
        ada.say_xml(request(josh.jid))
        await broker.message()


ORDINARY = [
    ("nested deeper", lambda: {"inner": f"<x xmlns='urn:x'><approval xmlns='{NS}' id='a1'/></x>"}),
    ("other namespace", lambda: {"inner": "<approval xmlns='urn:other' id='a1'/>"}),
    ("two of them", lambda: {"more": f"<approval xmlns='{NS}' id='a2'/>"}),
    ("with a response", lambda: {"more": f"<approval-response xmlns='{NS}' id='a1'/>"}),
    ("none", lambda: {"inner": ""}),
]


@pytest.mark.attack
@pytest.mark.parametrize("options", [o for _, o in ORDINARY], ids=[n for n, _ in ORDINARY])
async def test_what_is_no_request_is_delivered_as_ever(ada, josh, options):
    async with Person(josh) as phone, Broker(josh) as broker:
        ada.say_xml(request(josh.jid, **options()))
        await phone.message()
        await quiet(ada, broker)
        assert broker.bodies() == []


async def test_headline_error_and_full_jid_are_untouched(ada, josh):
    async with Person(josh) as phone, Broker(josh) as broker:
        ada.say_xml(request(josh.jid, kind="headline", ident="h"))
        ada.say_xml(request(phone.boundjid.full, ident="f"))
        ada.say_xml(request(josh.jid, kind="error", ident="e"))
        await phone.wait_for(lambda: sorted(approvals(phone)) == ["f", "h"])
        await quiet(ada, phone, broker)
        assert approvals(phone) == ["h", "f"]
        assert approvals(broker) == []


async def test_rooms_and_personal_events_are_untouched(ada, josh):
    async with Person(josh) as phone, Broker(josh) as broker:
        room = f"{josh.name}@rooms.localhost"
        for person in (ada, phone, broker):
            await person.plugin["xep_0045"].join_muc_wait(room, person.boundjid.resource)
        ada.say_xml(request(room, kind="groupchat"))
        for person in (phone, broker):
            await person.wait_for(lambda p=person: approvals(p) == ["a1"])
        ada.say_xml(request(f"{room}/phone", ident="private"))
        await phone.wait_for(lambda: approvals(phone) == ["a1", "private"])
        await quiet(ada, broker)
        assert approvals(broker) == ["a1"]
        phone.say_xml(
            "<iq xmlns='jabber:client' type='set' id='p'>"
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:test:node'>"
            f"<item><approval xmlns='{NS}' id='event'/></item></publish></pubsub></iq>"
        )
        await quiet(phone, broker)
        assert "event" not in approvals(broker)


async def test_to_the_own_account(josh):
    async with (
        Person(josh, "desk") as desk,
        Person(josh, "phone", carbons=True) as phone,
        Broker(josh) as broker,
    ):
        desk.say_xml(request(josh.jid))
        await broker.message()
        await quiet(desk, phone, broker)
        assert approvals(phone) == approvals(desk) == []
        broker.say_xml(request(josh.jid, ident="notice"))
        await phone.wait_for(lambda: "notice" in approvals(phone))
        assert approvals(broker) == ["a1"]


@pytest.mark.attack
async def test_false_version_spoils_nobody_else(ada, josh, server):
    """A client that claims the broker's version and answers otherwise, before the broker comes."""
    mallory = await make_account(server, "mallory")
    # A version nobody has said yet: the broker's with one more feature.
    async with Broker(mallory, "liar") as liar, Person(josh) as phone, Broker(josh) as broker:
        liar.answer = f"<identity category='client' type='pc'/><feature var='{DISCO}'/>"
        broker.plugin["xep_0030"].add_feature("urn:test:only-here")
        await broker.plugin["xep_0115"].update_caps(broadcast=False)
        ver = await broker.plugin["xep_0115"].get_verstring()
        liar.claim(ver)
        await known(liar)
        broker.send_presence(ppriority=-1)
        await known(broker)
        ada.say_xml(request(josh.jid))
        await broker.message()
        await quiet(ada, phone)
        assert approvals(phone) == []


@pytest.mark.attack
async def test_data_form_that_hashes_as_a_feature_spoils_nobody_else(ada, josh, server):
    """XEP-0115's hash has no quoting: two different answers can have the same version."""
    text = f"client/pc//<urn:a<{NS}<"
    ver = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
    start = "<identity category='client' type='pc'/><feature var='urn:a'/>"
    form = f"<x xmlns='jabber:x:data' type='result'><field var='{NS}'/></x>"
    mallory = await make_account(server, "mallory")
    async with (
        Broker(mallory, "liar") as liar,
        Broker(josh) as broker,
        Broker(josh, "other") as other,
        Person(josh) as phone,
    ):
        for client, answer in (
            (liar, start + form),
            (broker, f"{start}<feature var='{NS}'/>"),
            (other, "never said: the version is known by now"),
        ):
            client.answer, client.asked = answer, 0
            client.claim(ver)
            await known(client)
        assert (liar.asked, broker.asked, other.asked) == (1, 1, 0)
        ada.say_xml(request(josh.jid))
        await broker.message()
        await other.message()
        await quiet(ada, phone)
        assert approvals(phone) == []


@pytest.mark.attack
async def test_hundreds_of_versions_cost_one_question_at_a_time(ada, josh):
    async with Person(josh) as phone, Broker(josh, "busy") as busy, Broker(josh) as broker:
        busy.asked, busy.silent = 0, True
        for number in range(300):
            busy.claim(f"v{number}")
        await known(busy)
        assert busy.asked == 1
        ada.say_xml(request(josh.jid))
        await broker.message()
        await quiet(ada, phone)
        assert approvals(phone) == []


def response(to: str) -> str:
    return f"<message xmlns='jabber:client' to='{to}' type='chat' id='r1'><body>approved</body>\
<approval-response xmlns='{NS}' id='a1'><result>approved</result></approval-response></message>"


async def test_response_reaches_the_asker_and_nobody_else(ada, josh):
    async with (
        Person(josh) as approver,
        Person(ada.account, "chat", carbons=True, priority=9) as chat,
    ):
        approver.say_xml(response(ada.boundjid.full))
        await ada.message()
        await quiet(approver, chat)
        assert chat.bodies() == []
        approver.say_xml(response(f"{ada.bare}/gone"))
        error = await approver.wait_for(
            lambda: next((m for m in approver.messages if m["type"] == "error"), None)
        )
        assert error["error"]["condition"] == "recipient-unavailable"
        await quiet(approver, chat, ada)
        assert chat.bodies() == []
        assert ada.bodies() == ["approved"]


async def test_overdue_request_is_not_delivered_from_offline_storage(ada, josh):
    past, future = int(time.time()) - 1, int(time.time()) + 600

    def asks(ident: str, inner: str) -> None:
        approval = f"<approval xmlns='{NS}' id='{ident}'>{inner}</approval>"
        ada.say_xml(request(josh.jid, ident=ident, inner=approval, body=ident))

    asks("expired", f"<timeout>120</timeout><expires>{past}</expires>")
    asks("timed-out", "<timeout>1</timeout>")
    asks("pending", f"<timeout>600</timeout><expires>{future}</expires>")
    asks("bad", "<timeout>soon</timeout><expires>never</expires>")
    ada.say(josh.jid, "hello")
    await ada.settled()
    await asyncio.sleep(2.1)  # stored times are whole seconds
    async with Person(josh) as phone:
        await phone.message(lambda m: m["body"] == "hello")
        assert phone.bodies() == ["pending", "bad", "hello"]
        asks("live", "<timeout>1</timeout>")  # nothing but stored messages is looked at
        await phone.message(lambda m: m["body"] == "live")


def cut(person: Person) -> None:
    """End its connection as a cable would."""
    assert person.transport is not None
    person.transport.abort()


@pytest_asyncio.fixture(loop_scope="module")
async def hasty(server, tmp_path) -> AsyncIterator[Prosody]:
    """A server like the module's that gives up on lost streams soon."""
    own = Prosody(tmp_path / "p", modules=[MODULE], programs=server._programs, hibernation_s=2)
    async with own:
        yield own


@pytest.mark.fault
async def test_broker_that_hibernates(hasty):
    """It may come back or not, so the people get the request too, once."""
    asker, josh = await make_account(hasty, "ada"), await make_account(hasty, "josh")
    async with Person(asker) as ada, Person(josh) as phone, Broker(josh, resumable=True) as broker:
        resumed = asyncio.Event()
        broker.add_event_handler("session_resumed", lambda _: resumed.set())
        cut(broker)
        await asyncio.sleep(0.2)
        ada.say_xml(request(josh.jid))
        await phone.message()
        assert approvals(broker) == []
        broker.connect(HOST, hasty.port)
        await asyncio.wait_for(resumed.wait(), 15)
        await broker.wait_for(lambda: approvals(broker) == ["a1"])
        await quiet(ada, phone)
        assert phone.bodies() == [BODY]


@pytest.mark.fault
async def test_one_of_two_brokers_vanishes(hasty):
    asker, josh = await make_account(hasty, "ada"), await make_account(hasty, "josh")
    async with (
        Person(asker) as ada,
        Person(josh) as phone,
        Broker(josh, "stays") as stays,
        Broker(josh, resumable=True) as broker,
    ):
        assert broker.transport is not None
        broker.transport.pause_reading()
        ada.say_xml(request(josh.jid))
        await stays.message()
        cut(broker)
        await asyncio.sleep(3)  # the server gives up on the stream
        await quiet(ada, phone, stays)
        assert phone.bodies() == []
        assert stays.bodies() == [BODY]


@pytest.mark.fault
async def test_broker_that_vanishes_between_routing_and_delivery(hasty):
    """Routed to it and never acknowledged: the people get it."""
    asker, josh = await make_account(hasty, "ada"), await make_account(hasty, "josh")
    async with Person(asker) as ada, Person(josh) as phone, Broker(josh, resumable=True) as broker:
        assert broker.transport is not None
        broker.transport.pause_reading()
        ada.say_xml(request(josh.jid))
        await ada.settled()
        assert phone.bodies() == []
        cut(broker)
        await phone.message()
        await asyncio.sleep(3)  # the server gives up on the stream
        await quiet(ada, phone)
        assert phone.bodies() == [BODY]
        assert [m for m in ada.messages if m["type"] == "error"] == []
        assert await archived(phone) == [BODY]
