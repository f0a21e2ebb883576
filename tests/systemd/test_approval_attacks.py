"""What ada may try against broker and helper together: real sudo, real users, a yes by command."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from nuketown_demo.container import ENVIRONMENT, PYTHON_PATH
from tests.systemd.sudo_town import SOCKET, SudoTown

pytestmark = [pytest.mark.systemd, pytest.mark.attack]

_numbers = itertools.count(1)
CONFIGURATION = "/home/josh/.config/nuketown/broker.toml"
BROKER = """
role = "workstation"
state_directory = "{state}"
[agents.ada]
uid = {ada}
pre_approved = ["journalctl *"]
[agents.carl]
uid = {carl}
"""
WATCH = """
import socket, sys
broker = socket.socket(socket.AF_UNIX)
broker.connect(sys.argv[1])
broker.sendall(b'{"op":"watch"}\\n')
for line in broker.makefile():
    print(line, end="", flush=True)
"""
DAEMON = """
import asyncio, json, sys
from pathlib import Path
from nuketown_daemon.approvals import Approvals
from nuketown_daemon.errors import NuketownError
from nuketown_daemon.events import EventStream
from nuketown_daemon.status_board import StatusBoard
approvals = Approvals(sys.argv[1], StatusBoard(EventStream()), Path(sys.argv[2]), None)
try:
    if sys.argv[3] == "task ended":
        asyncio.run(approvals.task_ended())
    else:
        print(asyncio.run(approvals.ask(sys.argv[3], json.loads(sys.argv[4]))))
except NuketownError as exc:
    print(exc)
"""
"""The daemon's side, in a process of the agent's uid."""


class Desk:
    """josh, whose broker runs, who follows what waits, and who answers by command."""

    def __init__(self, town: SudoTown, state: str) -> None:
        self.town = town
        self.audit = f"{state}/audit"
        self.watch()

    def watch(self) -> None:
        """Be somebody who can be asked."""
        self._watcher = subprocess.Popen(
            self.town.container.command("python", "-c", WATCH, SOCKET, user="josh"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.event() == {"ok": True}

    def event(self) -> dict[str, Any]:
        assert self._watcher.stdout is not None
        event = json.loads(self._watcher.stdout.readline())
        assert isinstance(event, dict)
        return event

    def pending(self) -> str:
        """Id of the next request that waits."""
        while (event := self.event())["event"] != "pending":
            pass
        return str(event["id"])

    def settled(self, request_id: str) -> str:
        """Wait until it is decided."""
        while (event := self.event())["event"] != "settled" or event["id"] != request_id:
            pass
        return str(event["result"])

    def nuketown(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, as josh."""
        return subprocess.run(
            self.town.container.command("python", "-m", "nuketown_cli", *words, user="josh"),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def approve(self, request_id: str, *more: str) -> None:
        done = self.nuketown("approve", request_id, "--yes", *more)
        assert done.returncode == 0, done.stderr

    def deny(self, request_id: str) -> None:
        assert self.nuketown("deny", request_id).returncode == 0

    def grants(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.nuketown("grants", "--json").stdout.splitlines()]

    def outcomes(self) -> dict[str, dict[str, Any]]:
        """The audit's outcomes by id of the request."""
        lines = self.nuketown("audit", "--json").stdout.splitlines()
        records = [json.loads(line) for line in lines]
        return {record["id"]: record for record in records if record["event"] == "outcome"}

    def daemon(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        """What the daemon of the agent says to the broker."""
        return self.town.start(
            "env", f"PYTHONPATH={PYTHON_PATH}", f"{ENVIRONMENT}/bin/python", "-c", DAEMON,
            name, SOCKET, *words, user=name,
        )  # fmt: skip

    def leave(self) -> None:
        """Stop watching, after the broker has stopped."""
        self._watcher.communicate(timeout=20)


@pytest.fixture
def desk(town: SudoTown) -> Iterator[Desk]:
    town.stop_broker()
    run = town.container.run
    run("rm", "-f", "/root/ran")
    run("sh", "-c", "rm -rf /home/ada/* && install -d -o ada -g ada /home/ada/bin")
    uids = {name: run("id", "-u", name).strip() for name in ("ada", "carl")}
    state = f"/home/josh/state-{next(_numbers)}"  # the journal remembers the audit of another
    run("install", "-d", "-o", "josh", "-m", "700", state)
    text = BROKER.format(state=state, **uids)
    town.container.write(CONFIGURATION, text, owner="josh")
    town.start_real_broker(CONFIGURATION)
    desk = Desk(town, state)
    yield desk
    town.stop_broker()
    desk.leave()
    town.start_broker()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def as_ada(desk: Desk, script: str) -> None:
    done = desk.town.run("sh", "-ec", script)
    assert done.status == 0, done.err.decode()


def nothing_ran(desk: Desk) -> None:
    desk.town.container.run("test", "!", "-e", "/root/ran")


def test_a_yes_runs_it_as_root_and_only_once(desk: Desk) -> None:
    for answer in ("approve", "deny"):  # the second time it is asked again
        process = desk.town.start("sudo", "sh", "-c", "id -u; pwd")
        request_id = desk.pending()
        assert process.poll() is None
        getattr(desk, answer)(request_id)
        status, out, err = ended(process)
        if answer == "approve":
            assert (status, out, err) == (0, b"0\n/home/ada\n", b"")
            late = desk.nuketown("approve", request_id, "--yes")
            assert late.returncode == 1
            assert "was decided already" in late.stderr
        else:
            assert (status, out) == (1, b"")
            assert b"denied" in err
    results = [record["result"] for record in desk.outcomes().values()]
    assert results == ["approved", "denied"]
    assert desk.nuketown("audit", "verify").returncode == 0


def test_an_agent_answers_its_own_request(desk: Desk) -> None:
    process = desk.town.start("sudo", "touch", "/root/ran")
    request_id = desk.pending()
    for user in ("ada", "carl"):
        done = desk.town.run(
            "env", f"PYTHONPATH={PYTHON_PATH}", f"{ENVIRONMENT}/bin/python", "-m", "nuketown_cli",
            "approve", request_id, "--yes", user=user,
        )  # fmt: skip
        assert done.status == 1, done
    desk.deny(request_id)
    assert ended(process)[0] == 1
    nothing_ran(desk)


SWAPS = {
    "new file": "cp /usr/bin/id ~/bin/new && mv ~/bin/new ~/bin/tool",
    "same file": "printf '#!/bin/sh\\nid\\n' >~/bin/tool",
    "link": "ln -sf /usr/bin/id ~/bin/tool",
    "directory": "mv ~/bin ~/old && mkdir ~/bin && cp /usr/bin/id ~/bin/tool",
    "gone": "rm ~/bin/tool",
}


@pytest.mark.parametrize("when", ["pending", "approved"])
@pytest.mark.parametrize("swap", SWAPS)
def test_executable_replaced_after_approval(desk: Desk, swap: str, when: str) -> None:
    """The command is swapped between request and exec, or between the yes and exec."""
    as_ada(desk, "printf '#!/bin/sh\\necho shown $1\\n' >~/bin/tool; chmod 755 ~/bin/tool")
    process = desk.town.start("sudo", "bin/tool", "word")
    request_id = desk.pending()
    if when == "approved":
        desk.town.container.run("kill", "-STOP", desk.town.helper())
        desk.approve(request_id)
        as_ada(desk, SWAPS[swap])
        process.send_signal(signal.SIGCONT)
    else:
        as_ada(desk, SWAPS[swap])
        desk.approve(request_id)
    assert ended(process) == (0, b"shown word\n", b"")


def test_script_rewritten_under_a_grant(desk: Desk) -> None:
    as_ada(desk, "printf '#!/bin/sh\\necho shown\\n' >~/bin/tool; chmod 755 ~/bin/tool")
    process = desk.town.start("sudo", "bin/tool")
    request_id = desk.pending()
    for scope in (("--for", "10"), ("--task",)):
        refused = desk.nuketown("approve", request_id, "--yes", *scope)
        assert refused.returncode == 1
        assert "longer than once" in refused.stderr
    desk.approve(request_id)  # it still waited
    assert ended(process) == (0, b"shown\n", b"")
    assert desk.grants() == []
    as_ada(desk, "printf '#!/bin/sh\\ntouch /root/ran\\n' >~/bin/tool")
    process = desk.town.start("sudo", "bin/tool")
    desk.deny(desk.pending())
    assert ended(process)[0] == 1
    nothing_ran(desk)


def test_a_granted_script_that_becomes_the_agents(desk: Desk) -> None:
    container = desk.town.container
    container.write("/opt/granted/tool", "#!/bin/sh\necho shown\n", mode=0o755)
    process = desk.town.start("sudo", "/opt/granted/tool")
    desk.approve(desk.pending(), "--for", "10")
    assert ended(process) == (0, b"shown\n", b"")
    assert desk.town.sudo("/opt/granted/tool").out == b"shown\n"  # the grant
    container.run("chown", "ada", "/opt/granted")
    as_ada(desk, "cd /opt/granted; printf '#!/bin/sh\\ntouch /root/ran\\n' >n; chmod 755 n; "
                 "mv -f n tool")  # fmt: skip
    process = desk.town.start("sudo", "/opt/granted/tool")
    desk.deny(desk.pending())
    assert ended(process)[0] == 1
    container.run("rm", "-r", "/opt/granted")
    nothing_ran(desk)


def test_tee_under_a_grant(desk: Desk) -> None:
    process = desk.town.start("sudo", "tee", "/root/ran")
    request_id = desk.pending()
    refused = desk.nuketown("approve", request_id, "--yes", "--for", "10")
    assert refused.returncode == 1
    desk.deny(request_id)
    assert ended(process)[0] == 1
    assert desk.grants() == []
    nothing_ran(desk)


def test_journalctl_pager_escape(desk: Desk) -> None:
    """Pre-approved, on a terminal, with a pager that would give a shell."""
    pager = "sh -c 'id >/tmp/escaped; cat'"
    desk.town.container.run("rm", "-f", "/tmp/escaped")
    shown = desk.town.run(
        "script", "--quiet", "--return", "--command", "sudo journalctl --lines=500", "/dev/null",
        env={"SYSTEMD_PAGER": pager, "PAGER": pager, "SYSTEMD_PAGERSECURE": "0", "TERM": "xterm"},
    )  # fmt: skip
    assert shown.status == 0, shown
    assert shown.out.count(b"\n") > 50
    desk.town.container.run("test", "!", "-e", "/tmp/escaped")
    for words in (["--preserve-env=SYSTEMD_PAGER"], [f"SYSTEMD_PAGER={pager}"]):
        done = desk.town.sudo(*words, "-n", "journalctl", "-n", "5", env={"SYSTEMD_PAGER": pager})
        assert done.status == 1
    desk.town.container.run("test", "!", "-e", "/tmp/escaped")


def test_broker_killed_while_pending(desk: Desk) -> None:
    process = desk.town.start("sudo", "touch", "/root/ran")
    request_id = desk.pending()
    desk.town.stop_broker()
    status, _, err = ended(process)
    assert status == 1
    assert b"the broker went away" in err
    desk.leave()
    desk.town.start_real_broker(CONFIGURATION)
    desk.watch()
    late = desk.nuketown("approve", request_id, "--yes")
    assert late.returncode == 1
    outcome = desk.outcomes()[request_id]
    assert (outcome["result"], outcome["how"]) == ("denied", "broker restarted")
    nothing_ran(desk)


def test_helper_killed_while_approved(desk: Desk) -> None:
    process = desk.town.start("sudo", "touch", "/root/ran")
    request_id = desk.pending()
    helper = desk.town.helper()
    desk.town.container.run("kill", "-STOP", helper)
    desk.approve(request_id)
    assert desk.settled(request_id) == "approved"
    desk.town.container.run("kill", "-KILL", helper)
    process.send_signal(signal.SIGCONT)
    assert ended(process)[0] != 0
    nothing_ran(desk)
    # The yes is spent; and a helper killed before it withdraws.
    process = desk.town.start("sudo", "touch", "/root/ran")
    request_id = desk.pending()
    desk.town.container.run("kill", "-KILL", desk.town.helper())
    ended(process)
    assert desk.settled(request_id) == "denied"
    late = desk.nuketown("approve", request_id, "--yes")
    assert late.returncode == 1
    assert "withdrawn" in late.stderr
    nothing_ran(desk)


def test_audit_file_edited_cut_or_replaced_by_the_agent(desk: Desk) -> None:
    audit = desk.audit
    desk.town.container.run("chmod", "755", "/home/josh")  # its own mode has to hold
    file = f"{audit}/audit-000001.jsonl"
    for script in (f"cat {file}", f"ls {audit}", f"rm -rf {audit}", f"mv {audit} /tmp/",
                   f"truncate -s 0 {file}", f"ln -sf /etc/passwd {audit}/a",
                   f"echo x >>{file}"):  # fmt: skip
        assert desk.town.run("sh", "-c", script).status != 0, script
    assert desk.nuketown("audit", "verify").returncode == 0


@pytest.mark.parametrize(
    "change",
    ["sed -i 's/touch/xouch/' FILE", "sed -i 2d FILE", "sed -i '$d' FILE",
     "cp FILE /tmp/copy; sed -i 3d /tmp/copy; mv /tmp/copy FILE; chown josh FILE"],
)  # fmt: skip
def test_audit_file_replaced(desk: Desk, change: str) -> None:
    """While the broker runs: it goes on in a new file, and verify says that something is wrong."""
    for _ in range(2):
        process = desk.town.start("sudo", "touch", "/root/shown")
        desk.approve(desk.pending())
        assert ended(process)[0] == 0
    assert desk.nuketown("audit", "verify").returncode == 0
    desk.town.container.run("sh", "-ec", change.replace("FILE", f"{desk.audit}/audit-000001.jsonl"))
    process = desk.town.start("sudo", "touch", "/root/shown")
    desk.approve(desk.pending())
    assert ended(process)[0] == 0
    found = desk.nuketown("audit", "verify")
    assert found.returncode == 1, found.stdout
    assert "NOT whole" in found.stdout


def test_the_daemon_asks_in_its_own_name(desk: Desk) -> None:
    details = json.dumps({"task": "survey", "agents": "3 researchers"})
    asking = desk.daemon("ada", "delegate", details)
    request_id = desk.pending()
    shown = desk.nuketown("approvals").stdout
    assert "ada" in shown
    assert "survey" in shown
    desk.approve(request_id)
    assert b"approved on the command line by" in ended(asking)[1]
    asking = desk.daemon("ada", "network", json.dumps({"egress": "pypi.org:443"}))
    desk.deny(desk.pending())
    assert ended(asking)[1].startswith(b"not approved: denied")


def test_a_daemon_in_anothers_name_and_in_roots(desk: Desk) -> None:
    details = json.dumps({"task": "survey", "agents": "all"})
    environment = ["env", f"PYTHONPATH={PYTHON_PATH}", f"{ENVIRONMENT}/bin/python", "-c", DAEMON]
    for user, sentence in (("carl", b"each asks for itself"), ("bob", b"does not serve")):
        done = desk.town.run(*environment, "ada", SOCKET, "delegate", details, user=user)
        assert sentence in done.out, done
    assert json.loads(desk.nuketown("approvals", "--json").stdout or "null") is None


def test_anothers_task_ends_no_grant(desk: Desk) -> None:
    process = desk.town.start("sudo", "id", "-u")
    desk.approve(desk.pending(), "--task")
    assert ended(process)[1] == b"0\n"
    assert desk.town.sudo("-n", "id", "-u").out == b"0\n"
    ended(desk.daemon("carl", "task ended"))
    assert desk.town.sudo("-n", "id", "-u").out == b"0\n"
    ended(desk.daemon("ada", "task ended"))
    assert desk.grants() == []
    assert desk.town.sudo("-n", "id", "-u").err == b"sudo: a password is required\n"


JOURNAL = """
import asyncio, sys
from pathlib import Path
from nuketown_daemon.journal import Journal
async def main():
    async with Journal.open(Path(sys.argv[1])):
        Path(sys.argv[1]).with_name("open").touch()
        await asyncio.sleep(30)
asyncio.run(main())
"""


def test_another_agent_reads_no_journal(town: SudoTown) -> None:
    """Even where the home it lies in is open to all."""
    town.run("sh", "-c", "rm -rf ~/state; mkdir -m 755 ~/state; chmod 755 ~")
    environment = ["env", f"PYTHONPATH={PYTHON_PATH}", f"{ENVIRONMENT}/bin/python"]
    for place in ("state", "state/made"):
        directory = f"/home/ada/{place}"
        process = town.start(*environment, "-c", JOURNAL, f"{directory}/journal.sqlite3")
        town.container.wait(f"test -e {directory}/open")
        names = town.container.run("ls", directory).split()
        assert "journal.sqlite3-wal" in names
        for name in names:
            if name.startswith("journal"):
                done = town.run("cat", f"{directory}/{name}", user="carl")
                assert (done.status, done.out) == (1, b""), name
                assert b"Permission denied" in done.err
        town.container.run("pkill", "-u", "ada", "python")
        process.communicate(timeout=20)
