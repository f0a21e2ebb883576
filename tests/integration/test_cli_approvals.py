"""nuketown approvals, approve, deny, grants, revoke and audit, as people run them."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nuketown_approval.client import BrokerClient
from nuketown_approval.request import ApprovalRequest, SudoCommand
from nuketown_broker.keys import public_text, read_private
from tests.broker_process import REPOSITORY, broker_process

ADA = 61234
HOST = "desk"
root = pytest.mark.root


class Desk:
    """The broker of whoever runs the tests, and the command."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "nuketown" / "broker.toml"
        self.path = directory / "run" / "socket"
        for made in (self.file.parent, self.path.parent):
            made.mkdir(mode=0o755)
        self.file.write_text(
            f'role = "workstation"\nsocket = "{self.path}"\nhost_name = "{HOST}"\n'
            f'state_directory = "{directory / "state"}"\n'
            f'[agents.ada]\nuid = {ADA}\nrole = "software"\n'
            'pre_approved = ["systemctl restart *"]\n'
        )
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory),
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "broker"))),
            "PYTHONWARNINGS": "error",
            "LANG": "C.UTF-8",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "nuketown_cli", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    @property
    def at(self) -> tuple[str, ...]:
        return ("--socket", str(self.path))

    def request(self, *argv: str) -> ApprovalRequest:
        payload = SudoCommand(argv=argv, path=f"/usr/bin/{argv[0]}", cwd="/")
        return ApprovalRequest.new("ada", HOST, payload, timeout=60, now=time.time())

    def submit(self, request: ApprovalRequest):
        client = BrokerClient(self.path)
        return asyncio.create_task(client.submit(request, submit_uid=ADA))


@pytest.fixture
def desk(short_tmp: Path) -> Desk:
    short_tmp.chmod(0o755)
    return Desk(short_tmp)


@pytest.fixture
def attended(desk: Desk) -> Iterator[Desk]:
    """Somebody follows the requests and can be asked; root, as only root may ask for sudo."""
    with broker_process(desk.file, desk.path, uid=os.geteuid(), log=desk.directory / "log"):
        follower = desk.start("approvals", "--follow", "--json", *desk.at)
        deadline = time.monotonic() + 20
        while not _is_followed(desk):
            assert time.monotonic() < deadline
        yield desk
        follower.terminate()
        follower.communicate(timeout=20)


def _is_followed(desk: Desk) -> bool:
    """Nobody there is a denial at once; somebody there makes it wait."""

    async def tried() -> bool:
        task = desk.submit(desk.request("true"))
        done, _ = await asyncio.wait({task}, timeout=0.3)
        task.cancel()
        await asyncio.wait({task})
        return not done

    return asyncio.run(tried())


async def waiting(desk: Desk, request: ApprovalRequest) -> dict:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        run = await asyncio.to_thread(desk.run, "approvals", "--json", *desk.at)
        for line in run.stdout.splitlines():
            if json.loads(line)["id"] == request.id:
                return json.loads(line)
    raise AssertionError("it never waited")


@root
async def test_approve_and_deny(attended: Desk):
    request = attended.request("echo", "a b", "x\x1b[2J")
    asking = attended.submit(request)
    shown = await waiting(attended, request)
    assert shown["effect"] == r"echo 'a b' $'x\x1b[2J'"
    run = await asyncio.to_thread(attended.run, "approve", request.id, *attended.at)
    assert run.returncode == 2
    assert "add --yes" in run.stderr
    assert r"echo 'a b' $'x\x1b[2J'" in run.stdout
    run = await asyncio.to_thread(attended.run, "approve", request.id, "--yes", *attended.at)
    assert run.returncode == 0, run.stderr
    reply = await asking
    assert reply.verdict.result == "approved"
    assert "on the command line by" in reply.verdict.reason
    run = await asyncio.to_thread(attended.run, "deny", request.id, *attended.at)
    assert run.returncode == 1
    assert "was decided already: approved on the command line" in run.stderr
    second = attended.request("whoami")
    asking = attended.submit(second)
    await waiting(attended, second)
    await asyncio.to_thread(attended.run, "deny", second.id, *attended.at)
    assert (await asking).verdict.result == "denied"


@root
async def test_grants_and_revoke(attended: Desk):
    request = attended.request("id", "-u")
    asking = attended.submit(request)
    await waiting(attended, request)
    await asyncio.to_thread(
        attended.run, "approve", request.id, "--for", "10", "--yes", *attended.at
    )
    assert (await asking).verdict.result == "approved"
    assert (await attended.submit(attended.request("id", "-u"))).confined
    run = await asyncio.to_thread(attended.run, "grants", *attended.at)
    assert "id -u  (10 min left, given by" in run.stdout
    run = await asyncio.to_thread(attended.run, "revoke", "--agent", "ada", *attended.at)
    assert run.stdout.startswith("ended: ")
    run = await asyncio.to_thread(attended.run, "grants", *attended.at)
    assert run.stdout == "no grants are in force\n"


@root
async def test_the_audit_is_shown_and_verified(attended: Desk):
    await attended.submit(attended.request("systemctl", "restart", "nginx"))
    trail = ("--directory", str(attended.directory / "state" / "audit"))
    run = await asyncio.to_thread(attended.run, "audit", "--since", "5m", "-a", "ada", *trail)
    assert 'systemctl restart nginx  → pre-approved "systemctl restart *"' in run.stdout
    run = await asyncio.to_thread(attended.run, "audit", "--json", *trail)
    assert [json.loads(line)["seq"] for line in run.stdout.splitlines()][:2] == [1, 2]
    run = await asyncio.to_thread(attended.run, "audit", "verify", *trail)
    assert (run.returncode, run.stdout.splitlines()[-1].split(":")[0]) == (0, "whole"), run
    (file,) = (attended.directory / "state" / "audit").iterdir()
    file.write_bytes(file.read_bytes().replace(b"nginx", b"sshd"))
    run = await asyncio.to_thread(attended.run, "audit", "verify", *trail)
    assert run.returncode == 1
    assert "was rewritten" in run.stdout or "does not have the hash" in run.stdout


def test_keygen(desk: Desk):
    run = desk.run("approvals", "keygen", str(desk.directory / "key"))
    assert run.returncode == 0, run.stderr
    key = read_private(desk.directory / "key")
    assert isinstance(key, Ed25519PrivateKey)
    assert run.stdout == public_text(key.public_key()) + "\n"
    assert stat.S_IMODE((desk.directory / "key").stat().st_mode) == 0o600
    assert key.private_bytes_raw().hex() not in run.stdout + run.stderr
    again = desk.run("approvals", "keygen", str(desk.directory / "key"))
    assert again.returncode == 1
    assert "never overwritten" in again.stderr
    assert read_private(desk.directory / "key").private_bytes_raw() == key.private_bytes_raw()


def test_without_a_broker_there_is_a_sentence(desk: Desk):
    run = desk.run("approvals", *desk.at)
    assert run.returncode == 69
    assert "no broker can be asked" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("words", [("revoke",), ("revoke", "ab", "--all")])
def test_revoke_wants_to_know_what(desk: Desk, words):
    run = desk.run(*words, *desk.at)
    assert run.returncode == 2
    assert "name one grant" in run.stderr


# Imported before the uid changes: the environment may be readable by root alone.
DOCTOR = """
import os, sys
import nuketown_broker.audit.verification, nuketown_broker.channels.desktop.display
import nuketown_broker.configuration
from nuketown_cli.__main__ import main
uid = int(sys.argv[1])
sys.argv[1:] = ["doctor", "--json"]
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
main()
"""


def doctor(desk: Desk, uid: int) -> dict[str, dict]:
    """What doctor finds for a user who has this broker.toml."""
    run = subprocess.run(
        [sys.executable, "-c", DOCTOR, str(uid)],
        env=desk.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return {f["check"]: f for f in found if f["check"].startswith("broker")}


@root
def test_doctor_sees_the_broker(desk: Desk):
    uid = 61300
    for path in (desk.directory, *desk.directory.rglob("*")):
        os.chown(path, uid, uid)
    desk.path.parent.chmod(0o777)
    found = doctor(desk, uid)
    assert found["broker.configuration"]["level"] == "ok"
    assert found["broker.socket_directory"]["level"] == "bad"
    desk.path.parent.chmod(0o755)
    assert doctor(desk, uid)["broker.socket"]["level"] == "bad"
    with broker_process(desk.file, desk.path, uid=uid, log=desk.directory / "log"):
        found = doctor(desk, uid)
        assert found["broker.socket"]["text"] == f"the broker (uid {uid}) listens at {desk.path}"
        assert found["broker.audit"]["level"] == "ok"
        assert found["broker.account"]["level"] == "warn"
        assert found["broker.display"]["level"] == "warn"
    trail = desk.directory / "state" / "audit" / "audit-000001.jsonl"
    trail.write_bytes(trail.read_bytes().replace(b"workstation", b"workstatiom"))
    assert doctor(desk, uid)["broker.audit"]["level"] == "bad"
    desk.file.chmod(0o666)
    assert doctor(desk, uid)["broker.configuration"]["level"] == "bad"
