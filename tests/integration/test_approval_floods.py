"""Floods at the broker's socket: the real program, and processes of the agents' uids."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from nuketown_broker.audit.verification import verify
from tests.integration.test_broker_core_peers import (
    ADA,
    BOB,
    BROKER,
    Broker,
    attended,
    broker,
    delegate,
    line,
    sudo,
)

__all__ = ["attended", "broker"]
pytestmark = [pytest.mark.root, pytest.mark.attack]

FLOOD = """
import collections, json, os, socket, sys
uid, path = int(sys.argv[1]), sys.argv[2]
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
held, told = [], collections.Counter()
for request in sys.stdin.buffer:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(path)
    client.sendall(request)
    answer = json.loads(client.makefile().readline())
    if "event" in answer:
        held.append(client)
        told["asked"] += 1
    else:
        client.close()
        told["denied" if answer["ok"] else "refused"] += 1
print(json.dumps(told), flush=True)
sys.stdin.close()
sys.stdout.close()
held[0].recv(1)
"""


def _flood(there: Broker, uid: int, requests: list[dict]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-c", FLOOD, str(uid), str(there.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
    process.stdin.close()
    return process


@pytest.mark.parametrize("kind", ["delegate", "sudo"])
def test_1000_requests_a_minute(attended: Broker, kind: str) -> None:
    """Few of them reach a human, none is lost or approved, and another agent waits no longer."""
    if kind == "delegate":
        uid, requests = ADA, [line(delegate()) for _ in range(1000)]
    else:
        uid, requests = 0, [line(sudo("id", str(n)), submit_uid=ADA) for n in range(1000)]
    with _flood(attended, uid, requests) as flood:
        request = delegate("bob")
        before = time.monotonic()
        asking = attended.start(BOB, 2, line(request))
        attended.waiting(request)
        given = attended.speak(BROKER, op="answer", id=request.id, result="approved")
        assert given["ok"] is True
        assert asking.stdout is not None
        verdict = json.loads(asking.stdout.read().splitlines()[1])
        assert verdict["verdict"]["result"] == "approved"
        assert time.monotonic() - before < 10
        asking.wait(10)
        asking.stdout.close()
        assert flood.stdout is not None
        told = json.loads(flood.stdout.readline())
        pending = attended.speak(BROKER, op="list")["pending"]
        assert told["asked"] == len(pending) == 10
        assert sum(told.values()) == 1000
        assert told["refused"] >= 400
        flood.kill()
    outcomes = [r for r in attended.records() if r["event"] == "outcome"]
    assert {r["agent"] for r in outcomes if r["result"] == "approved"} == {"bob"}
    assert len([r for r in attended.records() if r["event"] == "refused"]) < 100
    assert not verify(attended.state / "audit").faults


@pytest.mark.parametrize(
    "change",
    [{"argv": ["id", "a\0b"]}, {"argv": ["id", {"b64": "AA=="}]}, {"env": [["LANG", "C\0"]]},
     {"path": "/usr/bin/id\0"}, {"cwd": "/\0"}, {"run_as": {"user": "root\0", "uid": 0, "gid": 0}}],
)  # fmt: skip
def test_nul_in_argv(attended: Broker, change: dict) -> None:
    """No process can have such words, so nobody is asked about them."""
    asking = line(sudo("id"), submit_uid=ADA)
    asking["request"]["payload"].update(change)
    reply = attended.speak(0, **asking)
    assert reply.get("verdict", {}).get("result") != "approved"
    assert attended.speak(BROKER, op="list")["pending"] == []
    assert "event" not in reply, reply
