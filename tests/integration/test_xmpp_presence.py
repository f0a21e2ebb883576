"""What owners see of the agent, and that nobody else sees it."""

from __future__ import annotations

import pytest

from nuketown_daemon.presence import READY, presence_of
from nuketown_demo.prosody import Prosody
from tests.prosody_fixture import Person, eventually, make_account
from tests.tcp_proxy import TcpProxy


async def befriend(person: Person, jid: str) -> None:
    person.send_presence_subscription(jid)
    await person.presence(lambda p: p["type"] == "subscribed" and p["from"].bare == jid)


def shows(person: Person, jid: str, show: str, status: str) -> bool:
    """Is this the newest presence that ``person`` has of ``jid``?"""
    of_agent = [p for p in person.presences if p["from"].bare == jid and p["from"].resource]
    newest = of_agent[-1] if of_agent else None
    return newest is not None and (
        newest.xml.findtext("{jabber:client}show"),
        newest["status"],
    ) == (
        show,
        status,
    )


async def test_presence_table_as_the_owner_sees_it(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with Person(josh) as owner:
        async with agent.running() as connection:
            await befriend(owner, agent.jid)
            await owner.wait_for(lambda: shows(owner, agent.jid, "chat", "Ready"))
            connection.set_presence(presence_of("fix udev", None))
            await owner.wait_for(lambda: shows(owner, agent.jid, "dnd", "Working: fix udev"))
            connection.set_presence(presence_of("fix udev", "sudo approval"))
            await owner.wait_for(
                lambda: shows(owner, agent.jid, "away", "Waiting for sudo approval")
            )
            connection.set_presence(READY)
            await owner.wait_for(lambda: shows(owner, agent.jid, "chat", "Ready"))
            seen = len(owner.presences)
        await owner.wait_for(
            lambda: any(
                p["type"] == "unavailable" and p["from"].bare == agent.jid
                for p in owner.presences[seen:]
            )
        )


async def test_a_presence_of_a_moment_is_shown_to_nobody(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with Person(josh) as owner, agent.running() as connection:
        await befriend(owner, agent.jid)
        await owner.wait_for(lambda: shows(owner, agent.jid, "chat", "Ready"))
        connection.set_presence(presence_of("over at once", None))
        connection.set_presence(presence_of("fix udev", None))
        await owner.wait_for(lambda: shows(owner, agent.jid, "dnd", "Working: fix udev"))
        assert not any("over at once" in p["status"] for p in owner.presences)


async def test_that_a_human_is_waited_for_is_shown_however_soon_it_is_over(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with Person(josh) as owner, agent.running() as connection:
        await befriend(owner, agent.jid)
        await owner.wait_for(lambda: shows(owner, agent.jid, "chat", "Ready"))
        connection.set_presence(presence_of("fix udev", None))
        connection.set_presence(presence_of("fix udev", "sudo approval"))
        connection.set_presence(presence_of("fix udev", None))
        await owner.wait_for(lambda: shows(owner, agent.jid, "dnd", "Working: fix udev"))
        assert any("Waiting for sudo approval" in p["status"] for p in owner.presences)


async def test_presence_is_shown_again_after_the_server_restarts(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody") as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,))
        async with agent.running() as connection:
            async with Person(josh) as owner:
                await befriend(owner, agent.jid)
                connection.set_presence(presence_of("fix udev", None))
            server.kill()
            connection.set_presence(presence_of("fix udev", "an answer"))
            await server.start()
            async with Person(josh) as owner:
                await owner.wait_for(
                    lambda: shows(owner, agent.jid, "away", "Waiting for an answer")
                )


@pytest.mark.fault
async def test_what_changed_while_the_network_was_away_is_shown_when_the_stream_resumes(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    async with TcpProxy(prosody_server.port) as network, Person(josh) as owner:
        agent = await agent_of(prosody_server, owners=(josh.jid,), port=network.port)
        async with agent.running() as connection:
            await befriend(owner, agent.jid)
            session = connection._client.session
            network.refuse()
            network.cut()
            await eventually(lambda: not connection.connected)
            connection.set_presence(presence_of("fix udev", None))
            network.refuse(refusing=False)
            await owner.wait_for(lambda: shows(owner, agent.jid, "dnd", "Working: fix udev"))
            assert connection._client.session == session


async def test_subscription_is_asked_back_so_that_the_agent_sees_its_people(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        await befriend(owner, agent.jid)
        await owner.presence(lambda p: p["type"] == "subscribe" and p["from"].bare == agent.jid)


@pytest.mark.attack
async def test_a_stranger_gets_no_presence(prosody_server, account, agent_of):
    josh, eve = await account("josh"), await account("eve")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running() as connection, Person(eve) as stranger:
        stranger.send_presence_subscription(agent.jid)
        await stranger.presence(
            lambda p: p["type"] == "unsubscribed" and p["from"].bare == agent.jid
        )
        connection.set_presence(presence_of("secret plans", None))
        await stranger.settled()
        assert not [p for p in stranger.presences if "secret" in str(p)]
        assert not [p for p in stranger.presences if p["type"] == "subscribe"]


@pytest.mark.attack
async def test_who_is_no_longer_an_owner_loses_sight(prosody_server, account, agent_of):
    josh, bob = await account("josh"), await account("bob")
    agent = await agent_of(prosody_server, owners=(josh.jid, bob.jid))
    async with Person(bob) as former:
        async with agent.running():
            await befriend(former, agent.jid)
        agent.owners = (josh.jid,)
        async with agent.running():
            await former.presence(
                lambda p: p["type"] == "unsubscribed" and p["from"].bare == agent.jid
            )


@pytest.mark.attack
async def test_status_is_one_line_that_xml_can_carry(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running() as connection, Person(josh) as owner:
        await befriend(owner, agent.jid)
        connection.set_presence(presence_of("a\x00b\nc" + "x" * 5000, None))
        await owner.presence(lambda p: p["status"].startswith("Working: a�b cx"))
        assert connection.connected


async def test_nickname_is_published(prosody_server, account, agent_of):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    async with agent.running(), Person(josh) as owner:
        await befriend(owner, agent.jid)
        presence = await owner.presence(
            lambda p: p["from"].bare == agent.jid and p["from"].resource == "nuketown"
        )
        assert presence.xml.findtext("{http://jabber.org/protocol/nick}nick") == "ada"
