"""Who is served at the socket: played by processes of other users."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
from pathlib import Path

import pytest

from nuketown_approval.peer import peer_credentials
from tests.memory_daemon import daemon

pytestmark = [pytest.mark.root, pytest.mark.attack]

ADA, STRANGER = 61234, 61235  # no such accounts
HUMAN = "nobody"

SPEAK = """
import os, socket, sys
uid, path, line = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(10)
    client.connect(path)
    try:
        client.sendall(line.encode() + b"\\n")
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    try:
        while data := client.recv(65536):
            sys.stdout.buffer.write(data)
    except ConnectionResetError:
        pass
"""


def speak(uid: int, path: Path, **operation) -> list[dict]:
    """What a process of ``uid`` hears; raises when it can't even connect."""
    run = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", SPEAK, str(uid), str(path), json.dumps(operation)],
        capture_output=True,
        timeout=20,
        check=False,
    )
    if run.returncode:
        raise PermissionError(run.stderr.decode().strip().splitlines()[-1])
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.fixture
def open_path(short_tmp: Path):
    short_tmp.chmod(0o755)
    os.chown(short_tmp, ADA, ADA)
    return short_tmp / "daemon.sock"


def test_own_user_root_and_human_are_served_by_their_uids(open_path):
    human = pwd.getpwnam(HUMAN).pw_uid
    with daemon(open_path, "ada", "--open", "--human", HUMAN, uid=ADA):
        for uid in (ADA, 0, human):
            (reply,) = speak(uid, open_path, op="task", project="hello", prompt="wait")
            assert reply["task"]["request"]["requester"] == f"uid:{uid}"


def test_a_stranger_gets_one_line_and_nothing_of_it_is_parsed(open_path):
    with daemon(open_path, "ada", "--open", "--human", HUMAN, uid=ADA):
        for operation in ({"op": "status"}, {"op": "watch"}, {"op": "nonsense"}):
            (reply,) = speak(STRANGER, open_path, **operation)
            assert reply["refused"] is True
            assert reply["error"].startswith(f"this daemon does not serve uid {STRANGER}: ")
        speak(STRANGER, open_path, op="task", project="hello", prompt="x")
        (reply,) = speak(0, open_path, op="tasks")
        assert reply["tasks"] == []


def test_without_a_human_user_nobody_else_is_served(open_path):
    with daemon(open_path, "ada", "--open", uid=ADA):
        (reply,) = speak(pwd.getpwnam(HUMAN).pw_uid, open_path, op="status")
        assert reply["refused"] is True


def test_a_human_user_without_an_account_opens_nothing(open_path):
    with daemon(open_path, "ada", "--open", "--human", "no-such-user-here", uid=ADA):
        (reply,) = speak(STRANGER, open_path, op="status")
        assert reply["refused"] is True


def test_the_runtime_socket_cannot_be_connected_to_by_others(open_path):
    with daemon(open_path, "ada", uid=ADA):
        with pytest.raises(PermissionError, match="Permission denied"):
            speak(STRANGER, open_path, op="status")
        (reply,) = speak(ADA, open_path, op="status")
        assert reply["ok"] is True


def test_hooks_are_taken_from_the_agents_own_user_only(open_path):
    report = {"session_id": "s", "hook_event_name": "Stop"}
    with daemon(open_path, "ada", "--open", "--human", HUMAN, uid=ADA):
        assert speak(ADA, open_path, op="hook", report=report) == [{"ok": True}]
        for uid in (0, pwd.getpwnam(HUMAN).pw_uid):
            (reply,) = speak(uid, open_path, op="hook", report=report)
            assert "agent's own user only" in reply["error"]


def test_nobody_asks_in_another_ones_name(open_path):
    with daemon(open_path, "ada", "--open", "--human", HUMAN, uid=ADA):
        (reply,) = speak(ADA, open_path, op="task", text="hello: x", requester="uid:0")
        assert reply["ok"] is False
        assert "requester" in reply["error"]


def test_the_kernel_says_who_a_peer_is():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = peer_credentials(ours)
        assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.geteuid(), os.getegid())
