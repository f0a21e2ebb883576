"""The daemon asks: through the broker's socket, else by stanza; presence tells that it waits."""

import asyncio
import os
from contextlib import asynccontextmanager

import pytest

from nuketown_approval.request import Delegation
from nuketown_approval.verdict import Verdict
from nuketown_broker.channels.command_line import CommandLineChannel
from nuketown_broker.intake_socket.operations import Operations
from nuketown_broker.intake_socket.server import IntakeSocket
from nuketown_daemon.approvals import Approvals
from nuketown_daemon.errors import SessionError
from nuketown_daemon.events import EventStream
from nuketown_daemon.presence import Presence
from nuketown_daemon.status_board import StatusBoard
from nuketown_daemon.xmpp.approval_requests import ApprovalRequests
from tests.broker_fixture import open_town
from tests.prosody_fixture import Person, make_account
from tests.xmpp_agent_fixture import Agent

pytestmark = pytest.mark.timeout(60)
WAITING = Presence("away", "Waiting for sudo approval")
READY = Presence("chat", "Ready")


@pytest.fixture
def board():
    return StatusBoard(EventStream())


@asynccontextmanager
async def broker_of_ada(directory):
    """A broker that this very uid asks as ada."""
    agents = {"ada": {"uid": os.geteuid() or 61234}, "bob": {"uid": 61235}}
    async with open_town(directory, agents=agents) as town:
        yield town


async def presence_becomes(board, presence, eventually):
    await eventually(lambda: board.presence == presence)


class Responder:
    """josh@: the account that ada's daemon asks."""

    def __init__(self, person):
        self.person = person

    async def request(self):
        message = await self.person.message(
            lambda m: m.xml.find("{urn:nuketown:approval}approval") is not None
        )
        return message["from"].full, message["approval"]["request"]

    def respond(self, to, verdict):
        message = self.person.make_message(to, mtype="normal")
        message["approval_response"]["verdict"] = verdict
        message.send()


@asynccontextmanager
async def asking_by_stanza(server, tmp_path, board, approver):
    account = await make_account(server, "ada")
    agent = Agent(account, tmp_path / "ada.sqlite", approval_jid=approver.jid)
    async with agent.running() as connection:
        yield Approvals("ada", board, tmp_path / "no-broker", connection.approvals.ask, host="desk")


@pytest.fixture
async def approver(prosody_server):
    return await make_account(prosody_server, "approvals")


async def test_by_stanza_where_there_is_no_socket(
    prosody_server, tmp_path, board, approver, eventually
):
    async with (
        Person(approver) as person,
        asking_by_stanza(prosody_server, tmp_path, board, approver) as approvals,
    ):
        broker = Responder(person)
        asking = asyncio.create_task(
            approvals.ask("delegate", {"task": "survey", "agents": "3 researchers"})
        )
        asker, request = await broker.request()
        assert request.payload == Delegation(task="survey", agents="3 researchers")
        assert board.presence == Presence("away", "Waiting for delegate approval")
        broker.respond(asker, Verdict.on(request, "approved", "approved by josh"))
        assert await asking == "approved by josh"
        await presence_becomes(board, READY, eventually)


@pytest.mark.attack
async def test_attack_responses_of_others_or_with_another_digest(
    prosody_server, tmp_path, board, approver
):
    mallory = await make_account(prosody_server, "mallory")
    async with (
        Person(approver) as person,
        Person(mallory, approver.name) as forger,
        asking_by_stanza(prosody_server, tmp_path, board, approver) as approvals,
    ):
        broker = Responder(person)
        asking = asyncio.create_task(approvals.ask("network", {"egress": "pypi.org:443"}))
        asker, request = await broker.request()
        good = Verdict.on(request, "approved", "")
        Responder(forger).respond(asker, good)
        await forger.settled()
        broker.respond(asker, good.model_copy(update={"digest": "0" * 64}))
        broker.respond(asker, good.model_copy(update={"expires": 1}))
        broker.respond(asker, good.model_copy(update={"id": "0" * 8}))
        broker.respond(asker, Verdict.on(request, "denied", "denied by josh"))
        with pytest.raises(SessionError, match="denied by josh"):
            await asking


async def test_a_cancelled_question_is_withdrawn(prosody_server, tmp_path, board, approver):
    async with (
        Person(approver) as person,
        asking_by_stanza(prosody_server, tmp_path, board, approver) as approvals,
    ):
        asking = asyncio.create_task(approvals.ask("scale", {"from": "small", "to": "large"}))
        _, request = await Responder(person).request()
        asking.cancel()
        await person.wait_for(
            lambda: next(
                (m for m in person.messages if m["approval_withdrawn"]["id"] == request.id), None
            )
        )
        assert board.presence == READY


async def test_with_nobody_to_ask_it_says_so(tmp_path, board):
    with pytest.raises(SessionError, match="no broker on this machine and no XMPP"):
        await Approvals("ada", board, tmp_path / "x", None).ask("network", {"egress": "a:1"})
    with pytest.raises(SessionError, match="a request is delegate"):
        await Approvals("ada", board, tmp_path / "x", None).ask("sudo", {"command": "ls"})


async def test_a_broker_that_can_not_be_looked_for_does_not_end_the_daemon(tmp_path, board):
    """Nobody may search its directory, or its name is longer than one can be: it runs on."""
    approvals = Approvals("ada", board, tmp_path / ("x" * 300), None)
    await approvals.task_ended()
    with pytest.raises(SessionError, match="not approved"):
        await approvals.ask("network", {"egress": "a:1"})


async def test_an_account_that_is_not_set_is_not_asked(prosody_server, tmp_path):
    account = await make_account(prosody_server, "ada")
    async with Agent(account, tmp_path / "ada.sqlite").running() as connection:
        assert isinstance(connection.approvals, ApprovalRequests)
        approvals = Approvals(
            "ada", StatusBoard(EventStream()), tmp_path / "x", connection.approvals.ask
        )
        with pytest.raises(SessionError, match="set approval_jid"):
            await approvals.ask("network", {"egress": "a:1"})


@asynccontextmanager
async def served(town, path):
    """The town's real socket."""
    channel = CommandLineChannel()
    operations = Operations(town.broker, town.policy, town.broker._account, channel)
    async with IntakeSocket(town.broker, operations, path):
        yield


async def test_presence_says_that_sudo_waits(short_tmp, tmp_path, board, eventually):
    """Whoever asks for ada: what waits at the broker is shown; what is bob's is not."""
    path = short_tmp / "socket"
    async with broker_of_ada(tmp_path) as town, served(town, path):
        approvals = Approvals("ada", board, path, None, broker_uid=os.geteuid(), host="desk")
        watching = asyncio.create_task(approvals.run())
        try:
            await eventually(lambda: town.broker.pending._watchers)
            bobs = town.delegate(agent="bob")
            bob_asks = town.asking(bobs)
            await town.shown(bobs)
            request = town.sudo("true")
            asking = town.asking(request)
            await presence_becomes(board, WAITING, eventually)
            await town.answer(request, "denied")
            await asking
            await presence_becomes(board, READY, eventually)
            assert not bob_asks.done()
            await town.answer(bobs, "denied")
            await bob_asks
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def test_a_broker_that_goes_away_leaves_nothing_waiting(
    short_tmp, tmp_path, board, eventually
):
    path = short_tmp / "socket"
    approvals = Approvals("ada", board, path, None, broker_uid=os.geteuid(), host="desk")
    watching = asyncio.create_task(approvals.run())
    try:
        async with broker_of_ada(tmp_path) as town, served(town, path):
            await eventually(lambda: town.broker.pending._watchers)
            town.asking(town.sudo("true"))
            await presence_becomes(board, WAITING, eventually)
        await presence_becomes(board, READY, eventually)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
