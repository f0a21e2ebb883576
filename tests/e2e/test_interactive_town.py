"""Interactive tasks end to end: DM, tmux, hooks, summary; and the daemon killed meanwhile."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from nuketown_demo.scripted_model import demo_script
from nuketown_demo.town import AGENT
from nuketown_demo.turns import ModelCall, Reply, say
from tests.conftest import Eventually
from tests.e2e.conftest import Inhabited, Settle

INTERACTIVE = {"mode": "interactive"}


async def _tmux(street: Inhabited, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "tmux", "-L", f"portal-{AGENT}", *arguments, env=street.town.environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return output.decode(errors="replace").strip()


async def test_a_dm_becomes_a_commit_in_tmux(settle: Settle) -> None:
    street = await settle(demo_script, daemon=INTERACTIVE)
    street.say("ada, work on hello -- add a LICENSE file")
    summary = (await street.heard("Done: add a LICENSE file", 60))["body"]
    assert "1 commit, 1 file changed" in summary
    assert await _tmux(street, "list-sessions", "-F", "#{session_name}") == "hello"
    street.say("attach")
    await street.heard("attach -t =hello")
    street.say("work on hello -- what else is there?")
    await street.heard("Done: what else is there?", 60)
    assert await _tmux(street, "list-sessions", "-F", "#{session_name}") == "hello"


@pytest.mark.fault
async def test_the_daemon_is_killed_while_claude_works_in_tmux(
    settle: Settle, eventually: Eventually
) -> None:
    proceed = asyncio.Event()
    asked = 0

    async def model(_: ModelCall) -> Reply:
        nonlocal asked
        asked += 1
        await proceed.wait()
        return say("finished without the daemon")

    street = await settle(model, daemon=INTERACTIVE)
    street.say("work on hello -- take your time")
    await eventually(lambda: asked == 1, 40)
    street.town.kill_daemon()
    proceed.set()
    await eventually(lambda: _spooled(street) or None, 30)
    await street.town.start_daemon()
    summary = (await street.heard("Done: take your time", 40))["body"]
    assert "finished without the daemon" in summary
    assert asked == 1
    assert street.count("Done: ") == 1


def _spooled(street: Inhabited) -> list[str]:
    return [path.name for path in (street.town.state / "hooks").glob("*.json")]


@pytest.mark.fault
async def test_tmux_is_killed_and_the_human_decides(settle: Settle, eventually: Eventually) -> None:
    blocked = asyncio.Event()

    async def model(_: ModelCall) -> Reply:
        await blocked.wait()
        return say("never")

    street = await settle(model, daemon=INTERACTIVE)
    street.say("work on hello -- take your time")
    await eventually(lambda: len(street.api.requests) == 1, 40)
    server = int(await _tmux(street, "display-message", "-p", "#{pid}"))
    psutil.Process(server).kill()
    failed = (await street.heard("take your time (hello, task 1)\n", 40))["body"]
    assert failed.startswith(("Failed", "Interrupted"))
    assert "retry 1" in failed
    blocked.set()
