"""What was said while the agent was away is heard when it comes back, once."""

from __future__ import annotations

import asyncio

import pytest

from nuketown_daemon.errors import JournalError
from nuketown_demo.prosody import Prosody
from tests.prosody_fixture import Person, make_account

pytestmark = pytest.mark.fault


async def test_missed_messages_are_heard_once_and_in_order(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with Person(josh) as owner:
        async with agent.running():
            owner.say(agent.jid, "first")
            await agent.hears("first")
        # More than a page, and they are in the offline storage too: delivered twice.
        for n in range(120):
            owner.say(agent.jid, str(n), receipt=True)
        await owner.settled()
        async with agent.running():
            await agent.hears("119")
            owner.say(agent.jid, "live")
            await agent.hears("live")
            await owner.wait_for(lambda: len(set(owner.receipts)) == 120)
        async with agent.running():
            owner.say(agent.jid, "last")
            await agent.hears("last")
    assert agent.bodies == ["first", *map(str, range(120)), "live", "last"]
    assert all(m.delayed for m in agent.heard[1:121])


async def test_first_start_leaves_the_past_alone_but_hears_what_waits(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with Person(josh) as owner:
        async with Person(agent.account, "human") as human:
            owner.say(agent.jid, "read by the human who set this up")
            await human.message()
        owner.say(agent.jid, "waits in the offline storage")
        await owner.settled()
        async with agent.running():
            owner.say(agent.jid, "live")
            await agent.hears("live")
        async with agent.running():
            owner.say(agent.jid, "last")
            await agent.hears("last")
    assert agent.bodies == ["waits in the offline storage", "live", "last"]


async def test_killed_in_the_first_session_of_all(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    reached = asyncio.Event()

    async def hang(_message):
        reached.set()
        await asyncio.Event().wait()

    async with Person(josh) as owner:
        async with Person(agent.account, "human") as human:
            owner.say(agent.jid, "read by the human who set this up")
            await human.message()
        owner.say(agent.jid, "waits in the offline storage")
        owner.say(agent.jid, "so does this")
        await owner.settled()
        agent.before_journal = hang
        async with agent.running():
            await asyncio.wait_for(reached.wait(), 10)
            agent.connection._client.abort()
        agent.before_journal = None
        async with agent.running():
            owner.say(agent.jid, "last")
            await agent.hears("last")
    assert agent.bodies == ["waits in the offline storage", "so does this", "last"]


async def test_first_start_with_an_empty_archive_misses_nothing_later(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running():
        assert await cursor_is_set(agent)
    async with Person(josh) as owner, Person(agent.account, "other") as other:
        owner.say(agent.jid, "taken by another client")
        await other.message()
        async with agent.running():
            await agent.hears("taken by another client")


async def cursor_is_set(agent) -> bool:
    for _ in range(500):
        if await agent.journal.messages.archive_cursor() is not None:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_killed_between_hearing_and_the_journal(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    reached = asyncio.Event()

    async def hang(message):
        if message.body == "fatal":
            reached.set()
            await asyncio.Event().wait()

    async with Person(josh) as owner:
        async with agent.running():
            owner.say(agent.jid, "before")
            await agent.hears("before")
            agent.before_journal = hang
            owner.say(agent.jid, "fatal", receipt=True)
            owner.say(agent.jid, "after", receipt=True)
            await asyncio.wait_for(reached.wait(), 10)
            await owner.settled()
            # As kill -9 leaves it: no goodbye, the server still waits for the stream to resume.
            agent.connection._client.abort()
        assert owner.receipts == []
        agent.before_journal = None
        async with agent.running():
            await agent.hears("after")
            await owner.wait_for(lambda: len(owner.receipts) == 2)
            owner.say(agent.jid, "last")
            await agent.hears("last")
    assert agent.bodies == ["before", "fatal", "after", "last"]


async def test_an_archive_that_forgot_the_cursor_is_read_by_time(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with Person(josh) as owner:
        async with agent.running():
            owner.say(agent.jid, "known")
            await agent.hears("known")
            await agent.journal.messages.set_archive_cursor("from another server")
        async with Person(agent.account, "other") as other:
            owner.say(agent.jid, "missed")
            await other.message(lambda m: m["body"] == "missed")
        async with agent.running():
            await agent.hears("missed")
            owner.say(agent.jid, "last")
            await agent.hears("last")
    assert agent.bodies == ["known", "missed", "last"]


SILENT = """
local st = require "util.stanza";
module:hook("iq-set/self/urn:xmpp:mam:2:query", function (event)
  local set = event.stanza.tags[1]:get_child("set", "http://jabber.org/protocol/rsm");
  if set and set:get_child_text("after") == "from another server" then
    event.origin.send(st.reply(event.stanza):tag("fin", {
      xmlns = "urn:xmpp:mam:2"; complete = "true" }));
    return true;
  end
end, 10);
"""


async def test_an_archive_that_says_nothing_about_a_cursor_it_does_not_know(tmp_path, agent_of):
    """As ejabberd does."""
    module = tmp_path / "mod_silent.lua"
    module.write_text(SILENT)
    async with Prosody(tmp_path / "prosody", modules=[module]) as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,))
        async with Person(josh) as owner:
            async with agent.running():
                owner.say(agent.jid, "known")
                await agent.hears("known")
                await agent.journal.messages.set_archive_cursor("from another server")
            async with Person(agent.account, "other") as other:
                owner.say(agent.jid, "missed")
                await other.message(lambda m: m["body"] == "missed")
            async with agent.running():
                await agent.hears("missed")
    assert agent.bodies == ["known", "missed"]


async def test_without_an_archive_offline_storage_does_it(tmp_path, agent_of, capfd):
    async with Prosody(tmp_path / "prosody", mam=False) as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,))
        async with Person(josh) as owner:
            for n in range(2):
                owner.say(agent.jid, f"offline {n}")
                await owner.settled()
                async with agent.running():
                    await agent.hears(f"offline {n}")
                    owner.say(agent.jid, f"live {n}")
                    await agent.hears(f"live {n}")
                    await agent.say(josh.jid, f"answer {n}")
                    await agent.outbox_empties()
                    await owner.message(lambda m, n=n: m["body"] == f"answer {n}")
                    agent.connection._client.abort()
                    owner.say(agent.jid, f"resumed {n}")
                    await agent.hears(f"resumed {n}")
    assert agent.bodies == [f"{w} {n}" for n in range(2) for w in ("offline", "live", "resumed")]
    assert capfd.readouterr().out.count("xmpp_no_archive") == 2  # once for each daemon


async def test_more_than_the_inbox_holds_is_fetched_later(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    gate = asyncio.Event()

    async def wait(_message):
        await gate.wait()

    async with agent.running() as connection, Person(josh) as owner:
        owner.say(agent.jid, "first")
        await agent.hears("first")
        agent.before_journal = wait
        for n in range(300):
            owner.say(agent.jid, str(n))
        await owner.settled()
        await connection._client.plugin["xep_0199"].ping()
        assert len(connection._inbox._waiting) < 250
        gate.set()
        await agent.hears("299")
        owner.say(agent.jid, "last")
        await agent.hears("last")
    assert agent.bodies == ["first", *map(str, range(300)), "last"]


async def test_a_message_waits_for_a_journal_that_can_t_be_written(
    prosody_server, account, agent_of, eventually
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    full = True

    async def full_disk(_message):
        if full:
            raise JournalError("the disk is full")

    agent.before_journal = full_disk
    async with agent.running(), Person(josh) as owner:
        owner.say(agent.jid, "patience", receipt=True)
        owner.say(agent.jid, "stop")
        # What may not wait, as those who know say, is done meanwhile.
        await eventually(lambda: "stop" in agent.hurried)
        assert agent.bodies == []
        full = False
        owner.say(agent.jid, "next")
        await agent.hears("next")
        await owner.wait_for(lambda: owner.receipts)
    assert agent.bodies == ["patience", "stop", "next"]
