"""The role cluster: agents ask by stanza, the controller's broker rules or asks the human's."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager

import pytest

from nuketown_approval.request import ApprovalRequest, Network, Scaling, SudoCommand
from nuketown_approval.verdict import Verdict
from tests.integration.test_device_role import asked, broker_person, respond
from tests.integration.test_observer import delegation, payload_client, response, send_request
from tests.phone_town import ADA_UID, connection, open_town, password_file
from tests.prosody_fixture import make_account

pytestmark = pytest.mark.timeout(60)


class World:
    """A controller with a broker of its own account, ada as a pod, and josh's broker."""

    def __init__(self, server, accounts, tmp_path):
        self.server, self.tmp_path = server, tmp_path
        self.controller, self.approvals, self.josh, self.ada = accounts

    @asynccontextmanager
    async def cluster(self):
        settings = {
            **connection(self.server),
            "role": "cluster",
            "host_name": "cluster",
            "jid": self.controller.jid,
            "password_file": password_file(self.controller, self.tmp_path),
            "human_jid": self.josh.jid,
            "approval_jid": self.approvals.jid,
            "approvers": [self.josh.jid],
            "agents": {
                "ada": {
                    "jids": [self.ada.jid],
                    "auto": [{"kind": "scale", "to": "medium", "max_per_day": 1}],
                },
                "bob": {"uid": ADA_UID},
            },
        }
        async with open_town(self.tmp_path / "cluster", settings, with_desk=False) as town:
            yield town


@pytest.fixture
async def world(prosody_server, tmp_path):
    names = ("controller", "approvals", "josh", "ada")
    accounts = [await make_account(prosody_server, name) for name in names]
    return World(prosody_server, accounts, tmp_path)


def scaling(to):
    payload = Scaling(**{"from": "small", "to": to})
    return ApprovalRequest.new("ada", "pod", payload, timeout=60, now=time.time())


async def test_delegate_scale_and_network_are_asked_and_answered(world):
    egress = ApprovalRequest.new(
        "ada", "pod", Network(egress="pypi.org:443"), timeout=60, now=time.time()
    )
    async with (
        broker_person(world.approvals) as broker,
        world.cluster(),
        payload_client(world.ada) as ada,
    ):
        for request, result in (
            (delegation(), "approved"), (scaling("large"), "denied"), (egress, "approved"),
        ):  # fmt: skip
            broker.messages.clear()
            send_request(ada, world.controller.jid, request)
            message, shown = await asked(broker)
            assert shown == request
            respond(broker, message["from"].full, Verdict.on(request, result, "by josh"))
            sender, verdict = await response(ada, request)
            assert sender == world.controller.jid
            assert verdict.result == result
            assert verdict.answers(request, now=time.time())


async def test_known_workloads_need_nobody(world):
    """As often as the rule says; after that somebody is asked."""
    async with (
        broker_person(world.approvals) as broker,
        world.cluster() as town,
        payload_client(world.ada) as ada,
    ):
        first, second = scaling("medium"), scaling("medium")
        send_request(ada, world.controller.jid, first)
        assert (await response(ada, first))[1].result == "approved"
        lines = (town.state / "audit" / "audit-000001.jsonl").read_text().splitlines()
        (record,) = [r for r in map(json.loads, lines) if r["event"] == "request"]
        assert (record["rule"], record["ruling"]) == ("auto", "allow")
        send_request(ada, world.controller.jid, second)
        message, shown = await asked(broker)
        assert shown == second
        respond(broker, message["from"].full, Verdict.on(second, "denied", "enough"))
        assert (await response(ada, second))[1].result == "denied"


@pytest.mark.attack
async def test_attack_a_pod_asks_for_sudo_or_in_the_name_of_another(world):
    payload = SudoCommand(argv=("id",), path="/usr/bin/id", cwd="/")
    root = ApprovalRequest.new("ada", "cluster", payload, timeout=60, now=time.time())
    async with (
        broker_person(world.approvals) as broker,
        world.cluster(),
        payload_client(world.ada) as ada,
    ):
        send_request(ada, world.controller.jid, root)
        send_request(ada, world.controller.jid, delegation("forged", agent="bob"))
        honest = delegation()
        send_request(ada, world.controller.jid, honest)
        message, shown = await asked(broker)
        assert shown == honest
        respond(broker, message["from"].full, Verdict.on(honest, "denied", "no"))
        assert (await response(ada, honest))[1].result == "denied"
