"""Whatever is killed when: nothing lost, nothing done twice, nothing billed twice."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from nuketown_demo.scripted_model import demo_script
from nuketown_demo.turns import ModelCall, Reply, say, use
from tests.conftest import Eventually
from tests.e2e.conftest import Inhabited, Settle

pytestmark = pytest.mark.fault


class Gate:
    """A model that answers only when it is let."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked = 0
        self.open = asyncio.Event()

    async def __call__(self, _: ModelCall) -> Reply:
        self.asked += 1
        await self.open.wait()
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def _fresh_conversations(street: Inhabited, prompt: str) -> int:
    """How often the prompt was put to a model as the first word of a conversation."""
    return sum(
        any(prompt in text for text in call.user_texts)
        and not any(m.get("role") == "assistant" for m in call.messages)
        for call in street.api.requests
    )


async def test_killed_while_a_task_waits(settle: Settle, eventually: Eventually) -> None:
    gate = Gate(say("done"))
    street = await settle(gate)
    street.say("work on hello -- first")
    await street.heard("On it: first")
    street.say("work on hello -- second")
    await street.heard("queued (2nd)")
    await eventually(lambda: gate.asked > 0)
    street.town.kill_daemon()
    gate.open.set()
    await street.town.start_daemon()
    await street.heard("Done: first")
    await street.heard("Done: second")
    assert street.count("Done: ") == 2
    assert street.count("On it") == 1


async def test_killed_while_the_workspace_is_prepared(
    settle: Settle, short_tmp: Path, eventually: Eventually
) -> None:
    street = await settle(demo_script, start=False, clone=False)
    programs = short_tmp / "bin"
    programs.mkdir()
    waiting, proceed = short_tmp / "waiting", short_tmp / "proceed"
    transport = programs / "ssh"
    transport.write_text(
        "#!/bin/sh\n"
        f"touch {waiting}; while ! [ -e {proceed} ]; do sleep 0.05; done\n"
        f"exec git-upload-pack {street.town.origin}\n"
    )
    transport.chmod(0o755)
    street.town.write_settings("repos", {"hello": {"url": "git@example.org:hello.git"}})
    os.environ["PATH"], before = f"{programs}:{os.environ['PATH']}", os.environ["PATH"]
    try:
        await street.town.start_daemon()
        street.say("work on hello -- add a LICENSE file")
        await eventually(waiting.exists, 40)
        street.town.kill_daemon()
        proceed.touch()
        await street.town.start_daemon()
        await street.heard("Done: ")
    finally:
        os.environ["PATH"] = before
    assert await street.town.git("log", "--format=%s", "-1") == "Add the MIT license"
    assert _fresh_conversations(street, "add a LICENSE file") == 1
    assert [path.name for path in (street.town.home / "projects").iterdir()] == ["hello"]


async def test_killed_while_the_model_thinks(settle: Settle, eventually: Eventually) -> None:
    gate = Gate(say("the work is done"))
    street = await settle(gate)
    street.say("work on hello -- think hard")
    await eventually(lambda: gate.asked == 1, 30)
    street.town.kill_daemon()
    gate.open.set()
    await street.town.start_daemon()
    await street.heard("Done: think hard")
    assert street.count("Done: ") == 1
    assert _fresh_conversations(street, "think hard") <= 2  # the cut call, and one after it


async def test_killed_between_two_tools(settle: Settle, eventually: Eventually) -> None:
    async def model(call: ModelCall) -> Reply:
        if not any("was restarted" in text for text in call.user_texts):
            return use("Bash", command="echo once >> log.txt; sleep 30", description="work")
        return say("finished after the restart")

    street = await settle(model)
    street.say("work on hello -- log it")
    log = street.town.clone / "log.txt"
    await eventually(log.exists, 30)
    street.town.kill_daemon()
    await street.town.start_daemon()
    await street.heard("Done: log it")
    assert log.read_text() == "once\n"
    assert _fresh_conversations(street, "log it") == 1
    leftovers = [
        p.pid
        for p in psutil.process_iter()
        if _cmdline(p)[:2] == ["sleep", "30"] and _in(p, street)
    ]
    assert leftovers == []


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _in(process: psutil.Process, street: Inhabited) -> bool:
    try:
        return process.cwd().startswith(str(street.town.directory))
    except psutil.Error:
        return False


async def test_killed_before_the_summary_was_acknowledged(
    settle: Settle, eventually: Eventually
) -> None:
    gate = Gate(say("all done"))
    street = await settle(gate)
    street.say("work on hello -- finish")
    await eventually(lambda: gate.asked == 1, 30)
    server = psutil.Process(street.town.server.pid)
    server.suspend()
    gate.open.set()
    await eventually(lambda: "task ended" in street.town.log.read_text(), 30)
    street.town.kill_daemon()
    server.resume()
    await street.town.start_daemon()
    await street.heard("Done: finish")
    await street.owner.settled()
    assert street.count("Done: ") == 1
    assert gate.asked == 1


async def test_the_server_restarts_in_the_middle_of_a_task(
    settle: Settle, eventually: Eventually
) -> None:
    gate = Gate(say("all done"))
    street = await settle(gate)
    street.say("work on hello -- finish")
    await eventually(lambda: gate.asked == 1, 30)
    street.town.server.kill()
    gate.open.set()
    await eventually(lambda: "task ended" in street.town.log.read_text(), 30)
    await street.town.server.start()
    await street.owner.leave()
    async with type(street.owner)(street.owner.account) as again:
        street.owner = again
        await street.heard("Done: finish", 60)
        await asyncio.sleep(1)
        assert street.count("Done: ") == 1


async def test_a_message_sent_while_the_daemon_is_down_is_handled_once(settle: Settle) -> None:
    street = await settle([say("done"), say("twice?")])
    street.town.kill_daemon()
    street.say("work on hello -- while you were away")
    await street.owner.settled()
    await street.town.start_daemon()
    await street.heard("Done: while you were away")
    street.town.kill_daemon()
    await street.town.start_daemon()
    street.say("status")
    await street.heard("Ready")
    assert street.count("On it") == 1
    assert street.count("Done: ") == 1
    assert len(street.api.requests) == 1


async def test_the_cli_is_killed_under_the_session(settle: Settle, eventually: Eventually) -> None:
    gate = Gate(say("never"))
    street = await settle(gate)
    street.say("work on hello -- die")
    await eventually(lambda: gate.asked == 1, 30)
    assert street.town.daemon is not None
    for child in psutil.Process(street.town.daemon.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "claude" in child.name():
                child.send_signal(signal.SIGKILL)
    failed = (await street.heard("Failed: die"))["body"]
    assert "retry 1" in failed
    assert "Traceback" not in failed
    gate.open.set()
    street.say("retry 1")
    await street.heard("Done: die")


async def test_sigterm_drains_quickly_and_the_task_goes_on_later(
    settle: Settle, eventually: Eventually
) -> None:
    gate = Gate(say("done at last"))
    street = await settle(gate)
    street.say("work on hello -- long work")
    await eventually(lambda: gate.asked == 1, 30)
    before = asyncio.get_running_loop().time()
    assert await street.town.stop_daemon() == 0
    assert asyncio.get_running_loop().time() - before < 15
    await street.owner.presence(lambda p: p["type"] == "unavailable")
    gate.open.set()
    await street.town.start_daemon()
    await street.heard("Done: long work")
    assert street.count("Done: ") == 1


@pytest.mark.attack
async def test_a_stranger_gets_one_line_and_reaches_no_model(settle: Settle, visit) -> None:
    street = await settle([say("done")], people=("eve",))
    async with visit(street, "eve") as eve:
        for number in range(5):
            eve.say(street.town.agent, f"work on hello -- evil {number}")
        eve.say(street.town.agent, '{"project": "hello", "prompt": "x"}')
        await eve.message(lambda m: m["from"].bare == street.town.agent)
        street.say("work on hello -- good")
        await street.heard("Done: good")
        await eve.settled()
        assert len(eve.bodies(street.town.agent)) == 1
    assert all("evil" not in text for call in street.api.requests for text in call.user_texts)
    assert len(street.api.requests) == 1
    assert "evil" not in street.town.log.read_text()


async def test_words_to_a_session_survive_the_daemon(
    settle: Settle, eventually: Eventually
) -> None:
    gate = asyncio.Event()

    async def model(call: ModelCall) -> Reply:
        await gate.wait()
        heard = any("and the tests" in text for text in call.user_texts)
        return say("with the tests" if heard else "without the tests")

    street = await settle(model, daemon={"mode": "interactive"})
    street.say("work on hello -- fix it", thread="T1")
    await eventually(lambda: len(street.api.requests) == 1, 40)
    street.say("and the tests", thread="T1")
    await street.heard("Passed on.")
    street.town.kill_daemon()
    await street.town.start_daemon()
    gate.set()
    summary = (await street.heard("Done: fix it", 60))["body"]
    assert "with the tests" in summary


async def test_a_full_disk_makes_a_message_wait_and_loses_nothing(settle: Settle) -> None:
    street = await settle([say("done")])
    assert street.town.daemon is not None
    daemon = psutil.Process(street.town.daemon.pid)
    # No file of the daemon may grow beyond what its journal has: what a full disk is to it.
    full = max(path.stat().st_size for path in street.town.state.glob("journal*"))
    daemon.rlimit(psutil.RLIMIT_FSIZE, (full, psutil.RLIM_INFINITY))
    street.say("work on hello -- when there is room")
    told = (await street.heard("Your message waits"))["body"]
    assert "make room on the disk" in told
    assert street.count("On it") == 0
    daemon.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    await street.heard("Done: when there is room")
    assert street.count("On it") == 1
    assert street.count("Your message waits") == 1


def _faketime_library() -> Path:
    program = shutil.which("faketime")
    assert program is not None, "./dev test installs faketime"
    places = [Path("/usr/lib"), Path(program).resolve().parent.parent / "lib"]
    return next(p for place in places for p in place.glob("**/libfaketime.so.1"))


async def test_the_clock_jumps(settle: Settle, short_tmp: Path, eventually: Eventually) -> None:
    clock = short_tmp / "clock"
    clock.write_text("+0")
    gate = Gate(say("done in spite of it"))
    # The daemon's clock is what jumps; the harness is not ours and does not start under faketime.
    bundled = importlib.util.find_spec("claude_agent_sdk")
    assert bundled is not None
    assert bundled.origin is not None
    claude = short_tmp / "claude"
    claude.write_text(
        "#!/bin/sh\nunset LD_PRELOAD\n"
        f'exec {Path(bundled.origin).parent / "_bundled" / "claude"} "$@"\n'
    )
    claude.chmod(0o755)
    settings = {"headless_timeout": 120, "cli_path": str(claude)}
    street = await settle(gate, start=False, daemon=settings)
    faked = {
        "LD_PRELOAD": str(_faketime_library()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    await street.town.start_daemon(faked)
    street.say("work on hello -- at any hour")
    await street.heard("On it: at any hour")
    await eventually(lambda: gate.asked == 1, 40)
    clock.write_text("+3d")
    street.say("status")
    await street.heard("Working: at any hour")
    clock.write_text("-400d")
    gate.open.set()
    await street.heard("Done: at any hour")
    street.town.kill_daemon()
    street.say("work on hello -- and once more")
    await street.owner.settled()
    await street.town.start_daemon(faked)
    await street.heard("Done: and once more")
    assert street.count("Done: ") == 2
