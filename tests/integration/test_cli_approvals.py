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
AS_USER = """
import os, sys
import nuketown_broker.audit.verification, nuketown_broker.channels.desktop.display
import nuketown_broker.configuration, nuketown_cli.app, nuketown_cli.doctor.checks
from nuketown_cli.__main__ import main
uid = int(sys.argv[1])
sys.argv[1:] = sys.argv[2:]
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
main()
"""


USER = 61300


def give_all(desk: Desk) -> None:
    """Root's broker.toml would be in /etc: let somebody else have it."""
    for path in (desk.directory, *desk.directory.rglob("*")):
        os.chown(path, USER, USER)


def as_user(desk: Desk, uid: int, *words: str) -> subprocess.CompletedProcess[str]:
    """The command of a user who has this broker.toml."""
    return subprocess.run(
        [sys.executable, "-c", AS_USER, str(uid), *words],
        env=desk.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def doctor(desk: Desk, uid: int) -> dict[str, dict]:
    """What doctor finds for a user who has this broker.toml."""
    run = as_user(desk, uid, "doctor", "--json")
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return {f["check"]: f for f in found if f["check"].startswith("broker")}


@root
def test_the_broker_is_looked_for_where_its_file_says(desk: Desk):
    give_all(desk)
    run = as_user(desk, USER, "policy", "explain", "--live", "--agent", "ada", "--", "id")
    assert run.returncode == 69
    assert f"no broker can be asked at {desk.path}" in run.stderr


@root
def test_policy_explain_asks_the_running_broker(desk: Desk):
    """``--live`` tells what is in force, which the file alone does not: here, a newer file."""
    command = ("--agent", "ada", "--json", "--", "systemctl", "restart", "nginx")
    desk.environment["NUKETOWN_BROKER_SOCKET"] = str(desk.path)
    without = desk.run("policy", "explain", "--live", *command)
    assert without.returncode != 0
    assert "no broker" in without.stderr
    log = desk.directory / "log"
    with broker_process(desk.file, desk.path, uid=os.geteuid(), log=log):
        live = json.loads(desk.run("policy", "explain", "--live", *command).stdout)
        assert (live["agent"], live["by"]) == ("ada", "the broker")
        assert live["ruling"] == "allow"
        # A file that can't be used leaves the old policy in force.
        desk.file.write_text(desk.file.read_text() + "nonsense = 1\n")
        wait_for(lambda: b"policy_not_taken" in log.read_bytes())
        file = desk.run("policy", "explain", "--config", str(desk.file), *command)
        assert file.returncode != 0
        assert "nonsense" in file.stderr
        still = json.loads(desk.run("policy", "explain", "--live", *command).stdout)
        assert still["ruling"] == "allow"
        both = desk.run("policy", "explain", "--live", "--config", str(desk.file), *command)
        assert both.returncode == 2


@root
@pytest.mark.parametrize(
    "line", ['approver_key = "{key}"', 'approval_jid = "approvals@example.org"']
)
def test_what_is_read_at_start_says_that_it_needs_a_restart(desk: Desk, line: str):
    key = public_text(Ed25519PrivateKey.generate().public_key())
    text = desk.file.read_text().replace("workstation", "device")
    desk.file.write_text(text)
    log = desk.directory / "log"
    with broker_process(desk.file, desk.path, uid=os.geteuid(), log=log):
        desk.file.write_text(line.format(key=key) + "\n" + text)
        wait_for(lambda: b"policy_needs_restart" in log.read_bytes())
        assert line.partition(" ")[0].encode() in log.read_bytes()


def wait_for(check) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# As the agent; imported before the uid changes, like below.
SCALE = """
import asyncio, os, sys, time
from pathlib import Path
from nuketown_approval.client import BrokerClient
from nuketown_approval.request import ApprovalRequest, Scaling
uid = int(sys.argv[1])
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
payload = Scaling.model_validate({"kind": "scale", "from": "small", "to": "large"})
request = ApprovalRequest.new("ada", sys.argv[3], payload, timeout=20, now=time.time())
print(asyncio.run(BrokerClient(Path(sys.argv[2])).submit(request)).verdict.result)
"""


@root
@pytest.mark.attack
def test_attack_a_restart_gives_no_second_day(desk: Desk):
    """What ``auto`` rules approve in a day is counted on by the next broker, from its audit."""
    rule = '[[agents.ada.auto]]\nkind = "scale"\nto = "large"\nmax_per_day = 2\n'
    desk.file.write_text(desk.file.read_text() + rule)

    def scale() -> str:
        run = subprocess.run(
            [sys.executable, "-c", SCALE, str(ADA), str(desk.path), HOST],
            env=desk.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    found = []
    for number, count in enumerate((1, 2)):
        log = desk.directory / f"log{number}"
        with broker_process(desk.file, desk.path, uid=os.geteuid(), log=log):
            found += [scale() for _ in range(count)]
    # Nobody is there to be asked: what no rule approves is denied.
    assert found == ["approved", "approved", "denied"]


@root
def test_doctor_says_that_phones_may_stay_silent(desk: Desk):
    secret = desk.directory / "josh.password"
    secret.write_text("secret")
    secret.chmod(0o600)
    give_all(desk)
    found = doctor(desk, USER)["broker.account"]
    assert "nobody is asked by chat" in found["text"]
    desk.file.write_text(
        f'human_jid = "josh@example.org"\nhuman_password_file = "{secret}"\n'
        f'approvers = ["josh@example.org"]\n{desk.file.read_text()}'
    )
    found = doctor(desk, USER)["broker.account"]
    assert found["level"] == "warn"
    assert "notices come from the human's own account; phones may stay silent" in found["text"]
    assert "no answer by chat counts" in found["text"]


@root
@pytest.mark.parametrize(("host", "here"), [("chat.localhost", True), ("192.0.2.7", False)])
def test_doctor_sees_that_the_chat_server_is_here(desk: Desk, host: str, here: bool):  # noqa: FBT001
    secret = desk.directory / "password"
    secret.write_text("secret")
    secret.chmod(0o600)
    give_all(desk)
    text = (
        f'jid = "approvals@example.org"\npassword_file = "{secret}"\nhost = "{host}"\n'
        'human_jid = "josh@example.org"\napprovers = ["josh@example.org"]\n'
        + desk.file.read_text().replace("workstation", "device")
    )
    desk.file.write_text(text)
    found = doctor(desk, USER)
    assert found["broker.configuration"]["level"] == "ok"
    assert ("broker.approver_key" in found) is here
    if not here:
        return
    key = public_text(Ed25519PrivateKey.generate().public_key())
    desk.file.write_text(f'approver_key = "{key}"\n{text}')
    assert "broker.approver_key" not in doctor(desk, USER)


@root
def test_doctor_sees_a_socket_directory_of_another_user(desk: Desk):
    give_all(desk)
    os.chown(desk.path.parent, ADA, ADA)
    assert doctor(desk, USER)["broker.socket_owner"]["level"] == "bad"


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
