"""What the agent says arrives, later if need be, exactly once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from nuketown_daemon.xmpp.contract import ProgressUpdate
from nuketown_demo.prosody import Prosody
from tests.prosody_fixture import Person, eventually, make_account
from tests.tcp_proxy import TcpProxy
from tests.xmpp_agent_fixture import QUICK

pytestmark = pytest.mark.fault


async def test_said_before_the_server_is_there(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody") as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,))
        server.kill()
        async with agent.running(wait=False) as connection:
            await agent.say(josh.jid, "one")
            connection.show_progress(ProgressUpdate(1, josh.jid, "old"))
            connection.show_progress(ProgressUpdate(1, josh.jid, "new"))
            await server.start()
            async with Person(josh) as owner:
                await owner.message(lambda m: m["body"] == "one")
                await owner.message(lambda m: m["body"] == "new")
                await agent.outbox_empties()
                assert sorted(owner.bodies()) == ["new", "one"]


async def test_server_killed_again_and_again(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody") as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,))
        expected = []
        async with agent.running():
            for n in range(3):
                for part in "ab":
                    expected.append(f"{n}{part}")
                    await agent.say(josh.jid, expected[-1])
                server.kill()
                await agent.say(josh.jid, f"{n}c")
                expected.append(f"{n}c")
                await server.start()
                await agent.outbox_empties()
            async with Person(josh) as owner:
                await agent.say(josh.jid, "last")
                await owner.message(lambda m: m["body"] == "last")
                assert sorted(owner.bodies()) == sorted([*expected, "last"])


@pytest.mark.parametrize("fault", ["freeze", "freeze-acks", "cut", "half-close", "storm"])
async def test_network_fails_while_a_summary_is_sent(prosody_server, account, agent_of, fault):
    josh = await account("josh")
    async with TcpProxy(prosody_server.port) as network, Person(josh) as owner:
        # Pings are slow here: it is the missing acknowledgement that tells.
        agent = await agent_of(
            prosody_server,
            owners=(josh.jid,),
            port=network.port,
            timing=replace(QUICK, ping_s=60),
        )
        async with agent.running() as connection:
            await agent.say(josh.jid, "0")
            await agent.outbox_empties()
            if fault == "freeze":
                network.freeze()
            elif fault == "freeze-acks":
                network.freeze(up=False)
            for n in range(1, 6):
                await agent.say(josh.jid, str(n))
                if fault == "cut":
                    network.cut()
                elif fault == "half-close":
                    network.half_close()
                elif fault == "storm":
                    for _ in range(3):
                        network.cut()
                        await asyncio.sleep(0.05)
            if fault.startswith("freeze"):
                # Nobody says that the connection is dead; the missing acknowledgement does.
                await eventually(lambda: not connection.connected)
                network.cut()
                network.thaw()
            await agent.outbox_empties()
            await agent.say(josh.jid, "last")
            await owner.message(lambda m: m["body"] == "last")
            bodies = owner.bodies()
    assert bodies == ["0", "1", "2", "3", "4", "5", "last"]


async def test_lost_session_and_lost_acknowledgement(tmp_path, agent_of):
    """The server has the message, the agent does not know, and the session can't be resumed."""
    async with Prosody(tmp_path / "prosody") as server:
        josh = await make_account(server, "josh")
        async with TcpProxy(server.port) as network:
            agent = await agent_of(server, owners=(josh.jid,), port=network.port)
            async with agent.running() as connection:
                async with Person(josh) as owner:
                    network.freeze(up=False)
                    await agent.say(josh.jid, "the summary")
                    await owner.message(lambda m: m["body"] == "the summary")
                (entry,) = await agent.journal.messages.outbox()
                assert entry.attempts == 1
                server.kill()
                network.cut()
                network.thaw()
                await eventually(lambda: not connection.connected)
                await server.start()
                await agent.outbox_empties()
                async with Person(josh) as again:
                    await agent.say(josh.jid, "last")
                    await again.message(lambda m: m["body"] == "last")
                    assert again.bodies() == ["last"]


async def test_killed_after_sending_and_before_writing_it_down(prosody_server, account, agent_of):
    josh = await account("josh")
    async with TcpProxy(prosody_server.port) as network, Person(josh) as owner:
        agent = await agent_of(prosody_server, owners=(josh.jid,), port=network.port)
        async with agent.running() as connection:
            network.freeze(up=False)
            await agent.say(josh.jid, "the summary")
            await owner.message(lambda m: m["body"] == "the summary")
            connection._client.abort()  # as kill -9: no goodbye
        network.cut()
        network.thaw()
        async with agent.running():
            await agent.outbox_empties()
            await agent.say(josh.jid, "last")
            await owner.message(lambda m: m["body"] == "last")
        assert owner.bodies() == ["the summary", "last"]


async def test_progress_that_was_lost_with_the_server_is_shown_again(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody") as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,))
        async with TcpProxy(server.port) as network:
            agent.port = network.port
            async with agent.running() as connection:
                network.freeze()
                connection.show_progress(ProgressUpdate(1, josh.jid, "halfway"))
                await eventually(lambda: unacked(connection))
                server.kill()
                network.cut()
                network.thaw()
                await server.start()
                async with Person(josh) as owner:
                    await owner.message(lambda m: m["body"] == "halfway")


def unacked(connection) -> bool:
    return any(
        stanza.xml.findtext("{jabber:client}body")
        for _, stanza in connection._client.stream_management.unacked_queue
    )


async def test_a_stanza_that_meets_the_end_of_a_connection_is_no_error(
    prosody_server, agent_of, caplog
):
    agent = await agent_of(prosody_server)
    async with agent.running() as connection:
        client = connection._client
        transport, client.transport = client.transport, None  # as when it was lost just now
        connection._broadcast_presence()
        await client.waiting_queue.join()
        client.transport = transport
        assert not caplog.records
        logging.getLogger("slixmpp.xmlstream.xmlstream").error("x", exc_info=ValueError())
        assert len(caplog.records) == 1


async def test_resumption_keeps_order_both_ways(prosody_server, account, agent_of):
    josh = await account("josh")
    async with TcpProxy(prosody_server.port) as network, Person(josh) as owner:
        agent = await agent_of(prosody_server, owners=(josh.jid,), port=network.port)
        async with agent.running() as connection:
            owner.say(agent.jid, "first")
            await agent.hears("first")
            session = connection._client.session
            for n in range(60):
                owner.say(agent.jid, f"in {n}")
                await agent.say(josh.jid, f"out {n}")
                if n % 20 == 10:
                    await eventually(lambda: connection.connected)
                    network.cut()
            await agent.hears("in 59")
            await agent.outbox_empties()
            await owner.message(lambda m: m["body"] == "out 59")
            assert connection._client.session == session
            assert network.connections == 4
    assert agent.bodies == ["first", *(f"in {n}" for n in range(60))]
    assert owner.bodies() == [f"out {n}" for n in range(60)]


async def test_a_dead_network_is_noticed_without_a_word(prosody_server, account, agent_of):
    josh = await account("josh")
    async with TcpProxy(prosody_server.port) as network, Person(josh) as owner:
        timing = replace(QUICK, ping_s=0.4, pong_s=0.4)
        agent = await agent_of(prosody_server, owners=(josh.jid,), port=network.port, timing=timing)
        async with agent.running() as connection:
            network.freeze()
            await eventually(lambda: not connection.connected)
            network.cut()
            network.thaw()
            await eventually(lambda: connection.connected)
            owner.say(agent.jid, "status")
            await agent.hears("status")


async def test_stop_is_bounded_when_the_network_is_dead(prosody_server, account, agent_of):
    josh = await account("josh")
    async with TcpProxy(prosody_server.port) as network:
        agent = await agent_of(prosody_server, owners=(josh.jid,), port=network.port)
        clock = asyncio.get_running_loop().time
        async with agent.running():
            network.freeze()
            began = clock()
        assert clock() - began < agent.timing.leave_s + 1


async def test_a_stream_that_is_no_xml(tmp_path, agent_of, prosody_server):
    """Something else listens where the server should be; later the server does."""

    async def rude(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>")
        await asyncio.sleep(0.05)
        writer.close()

    agent = await agent_of(prosody_server)
    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    agent.port = server.sockets[0].getsockname()[1]
    async with agent.running(wait=False) as connection:
        await asyncio.sleep(0.5)
        assert not connection.connected
        server.close()
        await server.wait_closed()
        async with TcpProxy(prosody_server.port) as network:
            agent.connection._client.address_override = ("127.0.0.1", network.port)
            await eventually(lambda: connection.connected)


async def test_without_stream_management_an_answered_ping_confirms(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody", smacks=False) as server:
        josh = await make_account(server, "josh")
        async with TcpProxy(server.port) as network, Person(josh) as owner:
            agent = await agent_of(server, owners=(josh.jid,), port=network.port)
            async with agent.running() as connection:
                await agent.say(josh.jid, "one")
                await agent.outbox_empties()
                network.freeze()
                await agent.say(josh.jid, "two")
                await eventually(lambda: not connection.connected)
                assert len(await agent.journal.messages.outbox()) == 1
                network.cut()
                network.thaw()
                await agent.outbox_empties()
                await agent.say(josh.jid, "three")
                await owner.message(lambda m: m["body"] == "three")
            assert owner.bodies() == ["one", "two", "three"]


async def test_without_an_archive_a_message_is_repeated_with_its_id(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody", mam=False) as server:
        josh = await make_account(server, "josh")
        async with TcpProxy(server.port) as network, Person(josh) as owner:
            agent = await agent_of(server, owners=(josh.jid,), port=network.port)
            async with agent.running() as connection:
                network.freeze(up=False)
                stanza_id = await agent.say(josh.jid, "the summary")
                await owner.message(lambda m: m["body"] == "the summary")
                connection._client.abort()
            network.cut()
            network.thaw()
            async with agent.running():
                await agent.outbox_empties()
                await agent.say(josh.jid, "last")
                await owner.message(lambda m: m["body"] == "last")
            assert owner.bodies() == ["the summary", "the summary", "last"]
            assert {m["id"] for m in owner.messages if m["body"] != "last"} == {stanza_id}


async def test_what_a_server_far_away_sends_back_is_sent_again(prosody_server, account, agent_of):
    away = "josh@elsewhere.test"
    agent = await agent_of(prosody_server, owners=(away,), timing=replace(QUICK, bounced_s=0.1))
    async with agent.running() as connection:
        tried = []
        connection._client.add_event_handler(
            "stanza_acked", lambda stanza: tried.append(stanza["id"]) if stanza["body"] else None
        )
        report = await agent.say(away, "the report")
        await eventually(lambda: tried.count(report) >= 2)
        await eventually(lambda: connection._outbox._resting)
        assert [e.stanza_id for e in await agent.journal.messages.outbox()] == [report]


async def test_a_message_too_long_for_the_server_is_cut_and_holds_up_nothing(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody", stanza_limit=10_000) as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,))
        async with agent.running(), Person(josh) as owner:
            await agent.say(josh.jid, "long " * 4000)
            await agent.say(josh.jid, "next")
            await owner.message(lambda m: m["body"] == "next")
            await agent.outbox_empties()
            assert {b.rsplit("\n", 1)[-1] for b in owner.bodies()} == {
                "… (cut, it was longer)", "next",
            }  # fmt: skip
