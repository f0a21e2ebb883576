"""Who may do what at the broker's socket: played by processes of other users."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuketown_approval.client import BrokerClient
from nuketown_approval.errors import ApprovalUnavailable
from nuketown_approval.lines import ListPending
from nuketown_approval.request import ApprovalRequest, Delegation, SudoCommand
from nuketown_broker.audit.verification import verify
from tests.broker_process import broker_process

pytestmark = [pytest.mark.root, pytest.mark.attack]

BROKER, ADA, BOB, STRANGER = 61300, 61234, 61235, 61236  # no such accounts
HOST = "desk"

SPEAK = """
import os, socket, sys
uid, path, lines = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(20)
    client.connect(path)
    try:
        client.sendall(sys.stdin.buffer.read())
    except OSError:
        pass
    received = b""
    try:
        while received.count(b"\\n") < lines and (data := client.recv(65536)):
            received += data
            sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
    except ConnectionResetError:
        pass
"""


class Broker:
    def __init__(self, root: Path) -> None:
        self.path = root / "run" / "socket"
        self.state = root / "state"
        self.file = root / "etc" / "broker.toml"
        self.log = root / "log"
        for directory in (self.path.parent, self.state, self.file.parent):
            directory.mkdir(mode=0o755)
            os.chown(directory, BROKER, BROKER)
        self.file.write_text(
            f'role = "workstation"\nsocket = "{self.path}"\nstate_directory = "{self.state}"\n'
            f'host_name = "{HOST}"\n'
            f'[agents.ada]\nuid = {ADA}\npre_approved = ["systemctl restart *"]\n'
            f"[agents.bob]\nuid = {BOB}\n"
        )
        os.chown(self.file, BROKER, BROKER)

    def start(self, uid: int, lines: int, *operations: dict) -> subprocess.Popen[bytes]:
        argv = ["/usr/bin/python3", "-I", "-c", SPEAK, str(uid), str(self.path), str(lines)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(b"".join(json.dumps(op).encode() + b"\n" for op in operations))
        process.stdin.close()
        return process

    def speak(self, uid: int, **operation) -> dict:
        """The reply that a process of ``uid`` gets."""
        with self.start(uid, 1, operation) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            process.terminate()
        return json.loads(line)

    def waiting(self, request: ApprovalRequest) -> dict:
        """Wait until the broker's own user sees the request."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for shown in self.speak(BROKER, op="list")["pending"]:
                if shown["id"] == request.id:
                    return shown
            time.sleep(0.02)
        raise AssertionError("it never waited")

    def records(self) -> list[dict]:
        return [
            json.loads(line)
            for path in sorted((self.state / "audit").iterdir())
            for line in path.read_text().splitlines()
        ]


@pytest.fixture
def broker(short_tmp: Path) -> Iterator[Broker]:
    short_tmp.chmod(0o755)
    broker = Broker(short_tmp)
    with broker_process(broker.file, broker.path, uid=BROKER, log=broker.log) as process:
        broker.process = process
        yield broker


def sudo(*argv: str, agent: str = "ada", timeout: int = 30) -> ApprovalRequest:
    payload = SudoCommand(argv=argv, path=f"/usr/bin/{argv[0]}", cwd="/")
    return ApprovalRequest.new(agent, HOST, payload, timeout=timeout, now=time.time())


def delegate(agent: str = "ada", timeout: int = 30) -> ApprovalRequest:
    payload = Delegation(task="tidy up", agents="bob")
    return ApprovalRequest.new(agent, HOST, payload, timeout=timeout, now=time.time())


def line(request: ApprovalRequest, **more) -> dict:
    return {
        "op": "request",
        "request": request.model_dump(mode="json", by_alias=True),
        **more,
    }


@pytest.fixture
def attended(broker: Broker) -> Iterator[Broker]:
    """The broker's own user watches, and so can be asked."""
    watcher = broker.start(BROKER, 10_000, {"op": "watch"})
    assert watcher.stdout is not None
    assert json.loads(watcher.stdout.readline()) == {"ok": True}
    reader = threading.Thread(target=watcher.stdout.read)
    reader.start()
    yield broker
    watcher.terminate()
    watcher.wait(10)
    reader.join(10)
    watcher.stdout.close()


def test_the_socket_is_open_to_all_in_a_directory_of_the_brokers_alone(broker):
    assert stat.S_IMODE(broker.path.stat().st_mode) == 0o666
    assert broker.path.stat().st_uid == BROKER
    assert stat.S_IMODE((broker.state / "audit").stat().st_mode) == 0o700
    for file in (broker.state / "audit").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_stranger_gets_one_line_and_nothing_of_it_is_parsed(broker):
    for operation in ({"op": "list"}, {"op": "nonsense"}, line(sudo("id"))):
        reply = broker.speak(STRANGER, **operation)
        assert reply["refused"] is True
        assert f"does not serve uid {STRANGER}" in reply["error"]


def test_a_non_root_peer_submitting_sudo(broker):
    for uid in (ADA, BROKER):
        reply = broker.speak(uid, **line(sudo("systemctl", "restart", "nginx"), submit_uid=ADA))
        assert reply["ok"] is False
        assert "only the root helper" in reply["error"]
    reply = broker.speak(ADA, **line(sudo("systemctl", "restart", "nginx")))
    assert "only the root helper" in reply["error"]


def test_root_asks_for_who_called_sudo_and_nobody_else(broker):
    request = sudo("systemctl", "restart", "nginx")
    assert "submit_uid" in broker.speak(0, **line(request))["error"]
    assert "no agent" in broker.speak(0, **line(request, submit_uid=STRANGER))["error"]
    assert "each asks for itself" in broker.speak(0, **line(request, submit_uid=BOB))["error"]
    reply = broker.speak(0, **line(sudo("systemctl", "restart", "nginx"), submit_uid=ADA))
    assert reply["verdict"]["result"] == "approved"
    assert reply["confined"] is True


def test_an_agent_asks_in_its_own_name_alone(attended):
    reply = attended.speak(ADA, **line(delegate("bob")))
    assert "each asks for itself" in reply["error"]
    reply = attended.speak(ADA, **line(delegate("bob"), submit_uid=BOB))
    assert "no submit_uid" in reply["error"]
    reply = attended.speak(0, **line(delegate("ada"), submit_uid=ADA))
    assert reply["ok"] is False


def test_only_the_brokers_own_user_answers(attended):
    request = delegate()
    asking = attended.start(ADA, 2, line(request))
    shown = attended.waiting(request)
    assert shown["effect"] == "tidy up → bob"
    for uid in (ADA, BOB, 0, STRANGER):
        reply = attended.speak(uid, op="answer", id=request.id, result="approved")
        assert reply["ok"] is False, uid
    other = "0" * 64
    reply = attended.speak(BROKER, op="answer", id=request.id, result="approved", digest=other)
    assert "something else now" in reply["error"]
    reply = attended.speak(
        BROKER, op="answer", id=request.id, result="approved", digest=shown["digest"]
    )
    assert reply["ok"] is True
    assert asking.stdout is not None
    event, verdict = (json.loads(text) for text in asking.stdout.read().splitlines())
    assert event == {"event": "pending", "id": request.id}
    assert verdict["verdict"]["digest"] == request.request_digest
    assert verdict["verdict"]["result"] == "approved"
    assert asking.wait(10) == 0
    asking.stdout.close()
    reply = attended.speak(BROKER, op="answer", id=request.id, result="denied")
    assert "was decided already: approved on the command line by" in reply["error"]


def test_an_agent_sees_its_own_requests_alone(attended):
    request = delegate()
    with attended.start(ADA, 2, line(request)) as asking:
        attended.waiting(request)
        assert [p["id"] for p in attended.speak(ADA, op="list")["pending"]] == [request.id]
        assert attended.speak(BOB, op="list")["pending"] == []
        assert "not yours" in attended.speak(BOB, op="explain", agent="ada", argv=["id"])["error"]
        asking.terminate()


def test_closing_the_connection_withdraws(attended):
    request = delegate()
    with attended.start(ADA, 2, line(request)) as asking:
        attended.waiting(request)
        asking.kill()
    deadline = time.monotonic() + 10
    while attended.speak(BROKER, op="list")["pending"] and time.monotonic() < deadline:
        time.sleep(0.02)
    reply = attended.speak(BROKER, op="answer", id=request.id, result="approved")
    assert "was decided already: withdrawn" in reply["error"]


def test_grants_are_their_agents_own(attended):
    request = sudo("id")
    asking = attended.start(0, 2, line(request, submit_uid=ADA))
    attended.waiting(request)
    attended.speak(BROKER, op="answer", id=request.id, result="approved", minutes=5)
    assert asking.stdout is not None
    asking.stdout.read()
    asking.wait(10)
    asking.stdout.close()
    (grant,) = attended.speak(BROKER, op="grants")["grants"]
    assert (grant["command"], grant["agent"]) == ("id", "ada")
    assert attended.speak(ADA, op="grants")["grants"][0]["id"] == grant["id"]
    assert attended.speak(BOB, op="grants")["grants"] == []
    assert "only root" in attended.speak(BOB, op="grants", submit_uid=ADA)["error"]
    for operation in ({"grant": grant["id"]}, {"agent": "ada"}, {"submit_uid": ADA}):
        assert attended.speak(BOB, op="revoke", **operation)["ok"] is False
    assert attended.speak(0, op="revoke", submit_uid=BOB)["revoked"] == []
    assert attended.speak(0, op="revoke", submit_uid=ADA)["revoked"] == [grant["id"]]


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe\n", b"[]\n", b'{"op":"approve-all"}\n', b'{"op":"request","request":{}}\n'],
)
def test_nonsense_gets_a_sentence(broker, text):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(broker.path))
        client.sendall(text)
        reply = json.loads(client.makefile().readline())
    assert reply["ok"] is False
    assert reply["error"].startswith("the line is no request (")


def test_unknown_kinds_and_extra_keys_are_refused_not_shown(attended):
    request = line(delegate())
    request["request"]["payload"] = {"kind": "format-disk", "disk": "sda"}
    assert attended.speak(ADA, **request)["ok"] is False
    request = line(delegate())
    request["request"]["approved"] = True
    assert attended.speak(ADA, **request)["ok"] is False
    assert attended.speak(BROKER, op="list")["pending"] == []


def test_a_megabyte_in_argv_is_refused(attended):
    request = line(sudo("echo"), submit_uid=ADA)
    request["request"]["payload"]["argv"] = ["echo", "x" * 1_000_000]
    reply = attended.speak(0, **request)
    assert "longer than" in reply["error"]
    assert attended.speak(BROKER, op="list")["pending"] == []


@pytest.mark.fault
def test_broker_killed_while_pending(attended):
    request = delegate()
    asking = attended.start(ADA, 2, line(request))
    attended.waiting(request)
    attended.process.kill()
    attended.process.wait(10)
    assert asking.stdout is not None
    assert b"verdict" not in asking.stdout.read()
    asking.wait(10)
    asking.stdout.close()
    with broker_process(attended.file, attended.path, uid=BROKER, log=attended.log):
        assert attended.speak(BROKER, op="list")["pending"] == []
        reply = attended.speak(BROKER, op="answer", id=request.id, result="approved")
        assert "no request" in reply["error"]
        (outcome,) = [r for r in attended.records() if r["event"] == "outcome"]
        assert (outcome["id"], outcome["how"]) == (request.id, "broker restarted")
    assert not verify(attended.state / "audit").faults


def test_a_stopping_broker_tells_the_asker(attended):
    request = delegate()
    asking = attended.start(ADA, 2, line(request))
    attended.waiting(request)
    attended.process.terminate()
    attended.process.wait(20)
    assert asking.stdout is not None
    _, verdict = (json.loads(text) for text in asking.stdout.read().splitlines())
    assert verdict["verdict"]["result"] == "denied"
    assert "the broker stopped" in verdict["verdict"]["reason"]
    asking.wait(10)
    asking.stdout.close()
    assert not attended.path.exists()


@pytest.mark.parametrize("place", ["replaced", "linked"])
async def test_symlinked_or_replaced_socket(short_tmp, place):
    """A client says nothing to a listener of another user, whatever the path looks like."""
    short_tmp.chmod(0o755)
    directory = short_tmp / "run"
    directory.mkdir()
    elsewhere = short_tmp / "elsewhere"
    elsewhere.mkdir()
    os.chown(elsewhere, ADA, ADA)
    listen = (
        "import os, socket, sys; os.setresuid(61234, 61234, 61234);"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen();"
        "print('up', flush=True); c, _ = s.accept(); print(c.recv(1000), flush=True)"
    )
    if place == "replaced":
        os.chown(directory, ADA, ADA)
        target = directory / "socket"
    else:
        target = elsewhere / "socket"
        (directory / "socket").symlink_to(target)
    with subprocess.Popen(
        ["/usr/bin/python3", "-I", "-c", listen, str(target)], stdout=subprocess.PIPE
    ) as impostor:
        assert impostor.stdout is not None
        assert impostor.stdout.readline() == b"up\n"
        client = BrokerClient(directory / "socket", broker_uid=0)
        with pytest.raises(ApprovalUnavailable, match=f"uid {ADA} listens"):
            await client.call(ListPending())
        line = await asyncio.to_thread(impostor.stdout.readline)
        assert line == b"b''\n"


def test_a_directory_that_others_can_write_is_not_listened_in(short_tmp):
    short_tmp.chmod(0o755)
    broker = Broker(short_tmp)
    broker.path.parent.chmod(0o777)
    with (
        pytest.raises(AssertionError, match="run chmod go-w on it"),
        broker_process(broker.file, broker.path, uid=BROKER, log=broker.log),
    ):
        pass
