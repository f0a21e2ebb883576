"""The broker's units in a booted container: hardened, and its audit's heads in a real journal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from nuketown_demo.container import CHECKOUT, ENVIRONMENT, PYTHON_PATH, Container

pytestmark = pytest.mark.systemd

UNIT = "nuketown-broker.service"
USER = "nuketown-broker"
STATE = "/var/lib/nuketown-broker"
SOCKET = "/run/nuketown/broker/socket"
ASK = """
import asyncio, socket, sys, time
from pathlib import Path
from nuketown_approval.client import BrokerClient
from nuketown_approval.request import ApprovalRequest, SudoCommand
payload = SudoCommand(argv=("id",), path="/usr/bin/id", cwd="/")
request = ApprovalRequest.new("dora", socket.gethostname(), payload, timeout=20, now=time.time())
reply = asyncio.run(BrokerClient(Path(sys.argv[1])).submit(request, submit_uid=int(sys.argv[2])))
print(reply.verdict.result, reply.confined)
"""


class Device:
    """The container with the system unit of docs/ installed and started."""

    def __init__(self, container: Container) -> None:
        self.container = container
        container.run("useradd", "--system", "--home-dir", STATE, USER)
        container.run("useradd", "dora")
        self.agent_uid = container.run("id", "-u", "dora").strip()
        container.write(
            "/etc/nuketown/broker.toml",
            f'role = "device"\n[agents.dora]\nuid = {self.agent_uid}\npre_approved = ["id"]\n',
        )
        container.write(
            "/usr/local/bin/nuketown-broker",
            f"#!/bin/sh\nexport PYTHONPATH={PYTHON_PATH} PYTHONDONTWRITEBYTECODE=1\n"
            f'exec {ENVIRONMENT}/bin/python -m nuketown_broker "$@"\n',
            mode=0o755,
        )
        text = (CHECKOUT / "docs" / "nuketown-broker-device.service").read_text()
        container.write(f"/etc/systemd/system/{UNIT}", text)
        container.run("systemctl", "daemon-reload")
        container.run("systemctl", "start", UNIT)

    def python(self, *argv: str, check: bool = True) -> str:
        return self.container.run(
            "env", f"PYTHONPATH={PYTHON_PATH}", f"{ENVIRONMENT}/bin/python", *argv, check=check
        )

    def ask(self) -> str:
        return self.python("-c", ASK, SOCKET, self.agent_uid).strip()

    def verify(self) -> dict:
        said = self.python(
            "-m", "nuketown_cli", "audit", "verify", "--json", "--directory", f"{STATE}/audit",
            check=False,
        )  # fmt: skip
        return json.loads(said)

    def remove(self) -> None:
        self.container.run("systemctl", "stop", UNIT, check=False)
        self.container.run("userdel", USER, check=False)
        self.container.run("userdel", "dora", check=False)
        self.container.run("rm", "-rf", STATE, f"/etc/systemd/system/{UNIT}")


@pytest.fixture(scope="module")
def device(container: Container) -> Iterator[Device]:
    there = Device(container)
    yield there
    there.remove()


def test_it_serves_from_its_sandbox(device: Device) -> None:
    assert device.ask() == "approved True"
    assert device.container.run("stat", "-c", "%U %a", SOCKET).strip() == f"{USER} 666"
    assert device.container.run("stat", "-c", "%U %a", "/run/nuketown/broker").strip() == (
        f"{USER} 755"
    )
    show = device.container.run("systemctl", "show", "--property=StatusText,ActiveState", UNIT)
    assert "ActiveState=active" in show
    assert "StatusText=Ready: device" in show


def test_its_exposure_is_small(device: Device) -> None:
    said = device.container.run("systemd-analyze", "security", "--no-pager", UNIT, check=False)
    exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d)", said)
    assert exposure is not None, said
    assert float(exposure[1]) <= 2.0


@pytest.mark.attack
def test_heads_in_the_journal_show_that_the_audit_was_cut(device: Device) -> None:
    device.ask()
    device.container.run("systemctl", "restart", UNIT)  # a stop tells the head, and so does a start
    device.ask()
    device.container.run("systemctl", "stop", UNIT)
    device.container.wait(
        f"journalctl --sync; journalctl -q NUKETOWN_AUDIT=head _UID=$(id -u {USER}) | grep -q head"
    )
    whole = device.verify()
    assert whole["faults"] == []
    assert whole["heads_checked"] >= 2, whole
    file = f"{STATE}/audit/audit-000001.jsonl"
    device.container.run("cp", "-a", file, "/root/kept")
    device.container.run("sed", "-i", "5,$d", file)
    device.container.run("chown", USER, file)
    cut = device.verify()
    assert any("its end was cut off" in fault for fault in cut["faults"]), cut
    # Nobody else can write an entry that would be believed.
    forged = (
        "printf 'MESSAGE=x\\nNUKETOWN_AUDIT=head\\nNUKETOWN_AUDIT_SEQ=2\\nNUKETOWN_AUDIT_HASH=00\\n"
        f"NUKETOWN_AUDIT_DIRECTORY={STATE}/audit\\n_UID=0\\n' | logger --journald"
    )
    device.container.run("setpriv", "--reuid=dora", "--clear-groups", "sh", "-c", forged)
    device.container.run("cp", "-a", "/root/kept", file)
    assert device.verify()["faults"] == []
    device.container.run("systemctl", "start", UNIT)


def test_a_wrong_configuration_is_not_tried_again(device: Device) -> None:
    good = device.container.run("cat", "/etc/nuketown/broker.toml")
    device.container.write("/etc/nuketown/broker.toml", 'role = "castle"\n')
    device.container.run("systemctl", "restart", UNIT, check=False)
    show = device.container.run("systemctl", "show", "--property=ExecMainStatus,NRestarts", UNIT)
    assert "ExecMainStatus=78" in show
    device.container.write("/etc/nuketown/broker.toml", good)
    device.container.run("systemctl", "reset-failed", UNIT)
    device.container.run("systemctl", "restart", UNIT)
    assert device.ask() == "approved True"
