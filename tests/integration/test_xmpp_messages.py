"""What owners and peers say reaches the daemon; what the daemon says reaches them."""

from __future__ import annotations

import pytest

from nuketown_daemon.task import PROMPT_LIMIT
from nuketown_daemon.xmpp.contract import ProgressUpdate
from tests.prosody_fixture import Person, eventually


async def test_owner_and_peer_are_heard_with_what_the_daemon_needs(
    prosody_server, account, agent_of
):
    josh, bob = await account("josh"), await account("bob")
    agent = await agent_of(prosody_server, owners=(josh.jid,), peers=(bob.jid,))
    async with agent.running(), Person(josh) as owner, Person(bob) as peer:
        said = owner.say(agent.jid, "work on hello -- add a LICENSE", thread="t1")
        message = await agent.hears("work on hello -- add a LICENSE")
        assert (message.sender, message.thread) == (josh.jid, "t1")
        assert message.message_id == said
        assert message.archive_id
        assert not message.delayed
        assert message.room is None
        peer.say(agent.jid, "status", kind="normal")
        assert (await agent.hears("status")).sender == bob.jid


async def test_messages_are_handled_in_order(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        for n in range(100):
            owner.say(agent.jid, str(n))
        await agent.hears("99")
        assert agent.bodies == [str(n) for n in range(100)]


async def test_receipt_is_sent_after_the_message_is_on_disk(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    order = []

    async def before_journal(message):
        await owner.settled()
        order.append(list(owner.receipts))

    agent.before_journal = before_journal
    async with agent.running(), Person(josh) as owner:
        asked = owner.say(agent.jid, "with receipt", receipt=True)
        owner.say(agent.jid, "without")
        await owner.wait_for(lambda: owner.receipts)
        await agent.hears("without")
        await owner.settled()
    assert order[0] == []
    assert owner.receipts == [asked]


async def test_a_client_that_starts_counting_anew_is_still_heard(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        for _ in range(2):
            owner.say(agent.jid, "status", message_id="1")
        owner.say(agent.jid, "last")
        await agent.hears("last")
        assert agent.bodies == ["status", "status", "last"]


async def test_outbox_message_carries_everything(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        stanza_id = await agent.say(josh.jid, "Which?", thread="t", choices=("hello", "help"))
        message = await owner.message()
        await agent.outbox_empties()
    assert message["id"] == stanza_id
    assert message["origin_id"]["id"] == stanza_id
    assert (message["thread"], message["type"]) == ("t", "chat")
    assert message["chat_state"] == "active"
    assert message["request_receipt"]
    responses = message.xml.findall("{urn:xmpp:tmp:quick-response}response")
    assert [r.get("value") for r in responses] == ["hello", "help"]


async def test_text_that_xml_can_t_carry_does_not_end_the_stream(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running() as connection, Person(josh) as owner:
        await agent.say(josh.jid, "a\x1b[31mb\x00c\ufffe <&>\"'")
        await agent.say(josh.jid, "&" * 1_000_000)
        assert (await owner.message())["body"] == "a�[31mb�c� <&>\"'"
        await owner.message(lambda m: m["body"].endswith("it was longer)"))
        await agent.outbox_empties()
        assert connection.connected


async def test_progress_is_one_message_corrected_at_a_bounded_rate(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running() as connection, Person(josh) as owner:
        for n in range(200):
            connection.show_progress(ProgressUpdate(7, josh.jid, f"step {n}"))
        await owner.message(lambda m: m["body"] == "step 199")
        for n in range(200, 300):
            connection.show_progress(ProgressUpdate(7, josh.jid, f"step {n}"))
        await owner.message(lambda m: m["body"] == "step 299")
    first, *corrections = [m for m in owner.messages if m["body"]]
    assert len(corrections) <= 2
    assert first.xml.find("{urn:xmpp:message-correct:0}replace") is None
    assert {m["replace"]["id"] for m in corrections} == {first["id"]}


async def test_a_reply_to_progress_is_in_the_thread_of_the_task(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running() as connection, Person(josh) as owner:
        connection.show_progress(ProgressUpdate(7, josh.jid, "step 1", "thread"))
        first = await owner.message(lambda m: m["body"] == "step 1")
        connection.show_progress(ProgressUpdate(7, josh.jid, "step 2", "thread"))
        second = await owner.message(lambda m: m["body"] == "step 2")
        for number, shown in enumerate((first, second)):
            owner.say_xml(
                f"<message xmlns='jabber:client' type='chat' to='{agent.jid}'>"
                f"<body>{number}</body><reply xmlns='urn:xmpp:reply:0' id='{shown['id']}'/>"
                "</message>"
            )
        await agent.hears("1")
    assert [m.thread for m in agent.heard] == ["thread", "thread"]


async def test_chat_state(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running() as connection, Person(josh) as owner:
        connection.composing(josh.jid, active=True)
        connection.composing(josh.jid, active=False)
        await owner.wait_for(lambda: len(owner.messages) == 2)
    assert [m["chat_state"] for m in owner.messages] == ["composing", "active"]


@pytest.mark.parametrize(
    ("stanza", "explained"),
    [
        ("<body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/>", "corrections"),
        ("<body>x</body><encrypted xmlns='eu.siacs.conversations.axolotl'/>", "OMEMO"),
        (f"<body>{'x' * (PROMPT_LIMIT + 1)}</body>", "too long"),
    ],
)
async def test_what_can_t_be_acted_on_is_explained(
    prosody_server, account, agent_of, stanza, explained
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        owner.say_xml(
            f"<message xmlns='jabber:client' type='chat' to='{agent.jid}'>{stanza}</message>"
        )
        await owner.message(lambda m: explained in m["body"])
    async with agent.running(), Person(josh) as owner:
        owner.say(agent.jid, "done")
        await agent.hears("done")
        await owner.settled()
        assert owner.bodies() == []  # explained once, not at every start
    assert agent.bodies == ["done"]


async def test_reply_names_what_it_answers_without_the_quotation(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        owner.say_xml(
            f"<message xmlns='jabber:client' type='chat' to='{agent.jid}'>"
            "<body>&gt; Which one?\nhello</body><reply xmlns='urn:xmpp:reply:0' id='q1'/>"
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"
            "<body start='0' end='13'/></fallback></message>"
        )
        message = await agent.hears("hello")
        assert message.reply_to_id == "q1"


async def test_copies_of_what_another_client_of_the_agent_got_are_heard_once(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with (
        agent.running(),
        Person(agent.account, "other", priority=1) as other,
        Person(josh) as owner,
    ):
        owner.say(f"{agent.jid}/other", "to the other")
        await other.message()
        await agent.hears("to the other")
        owner.say(agent.jid, "to all")
        await agent.hears("to all")
        other.say(josh.jid, "sent by the other")
        await owner.message(lambda m: m["body"] == "sent by the other")
    async with agent.running(), Person(josh) as owner:
        owner.say(agent.jid, "last")
        await agent.hears("last")
    assert agent.bodies == ["to the other", "to all", "last"]


async def test_software_version_and_identity(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        owner.register_plugin("xep_0092")
        full = f"{agent.jid}/nuketown"
        version = await owner.plugin["xep_0092"].get_version(full)
        assert version["software_version"]["name"] == "Nuketown"
        info = await owner.plugin["xep_0030"].get_info(full)
        identities = {(i[0], i[1]) for i in info["disco_info"]["identities"]}
        assert ("client", "bot") in identities
        features = info["disco_info"]["features"]
        assert {
            "urn:xmpp:receipts", "urn:xmpp:message-correct:0", "urn:xmpp:ping",
            "http://jabber.org/protocol/chatstates", "jabber:iq:version",
        } <= set(features)  # fmt: skip
    assert await eventually(lambda: not agent.connection.connected)
