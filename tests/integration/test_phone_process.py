"""The real nuketown-broker with its account, killed while a request is pending."""

import asyncio
import os
import socket
import time

import pytest

from nuketown_approval.client import BrokerClient
from nuketown_approval.errors import ApprovalError
from nuketown_approval.request import ApprovalRequest, SudoCommand
from nuketown_demo.prosody import HOST
from tests.broker_process import broker_process
from tests.phone_town import code_of, correction_of, notice_of, password_file
from tests.prosody_fixture import Person, make_account

pytestmark = [pytest.mark.root, pytest.mark.fault, pytest.mark.timeout(90)]
ADA_UID = 61234


@pytest.mark.attack
async def test_attack_the_broker_is_killed_while_pending(prosody_server, short_tmp):
    """The asker is denied; the next broker corrects the notice; the old code opens nothing."""
    approvals, josh = [await make_account(prosody_server, n) for n in ("approvals", "josh")]
    path = short_tmp / "run/socket"
    path.parent.mkdir()
    path.parent.chmod(0o755)
    file = short_tmp / "broker.toml"
    file.write_text(
        f'role = "device"\nhost_name = "{socket.gethostname()}"\n'
        f'jid = "{approvals.jid}"\npassword_file = "{password_file(approvals, short_tmp)}"\n'
        f'human_jid = "{josh.jid}"\napprovers = ["{josh.jid}"]\n'
        f'host = "{HOST}"\nport = {prosody_server.port}\ntls = "off-loopback-only"\n'
        f'socket = "{path}"\nstate_directory = "{short_tmp / "state"}"\n'
        f"[agents.ada]\nuid = {ADA_UID}\n"
    )
    file.chmod(0o600)
    (short_tmp / "state").mkdir(mode=0o700)
    client = BrokerClient(path, broker_uid=os.geteuid())
    payload = SudoCommand(argv=("mkfs", "/dev/x"), path="/usr/sbin/mkfs", cwd="/")
    async with Person(josh) as phone:
        with broker_process(file, path, uid=0, log=short_tmp / "log") as process:
            asking = asyncio.create_task(until_asked(client, payload))
            notice = await notice_of(phone, "mkfs /dev/x")
            process.kill()
            with pytest.raises(ApprovalError):
                await asking
        with broker_process(file, path, uid=0, log=short_tmp / "log2"):
            corrected = await phone.message(correction_of(notice))
            assert "denied: the broker restarted" in corrected["body"]
            phone.say(approvals.jid, f"yes {code_of(notice)}")
            await phone.message(lambda m: "No request has the code" in m["body"])
    for log in ("log", "log2"):
        assert code_of(notice) not in (short_tmp / log).read_text()
    for path in (short_tmp / "state").rglob("*"):
        assert path.is_dir() or code_of(notice) not in path.read_text()


async def until_asked(client, payload):
    """Ask, and again as long as the account is not online yet."""
    while True:
        request = ApprovalRequest.new(
            "ada", socket.gethostname(), payload, timeout=60, now=time.time()
        )
        answer = await client.submit(request, submit_uid=ADA_UID)
        if "nobody can be asked now" not in answer.verdict.reason:
            return answer
        await asyncio.sleep(0.2)
