"""A headless session whose daemon went down: nothing is sent twice, nothing is paid twice."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nuketown_daemon.session.contract import Outcome
from nuketown_daemon.session.headless import CONTINUE
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.turns import Turn, say, use
from tests.harness_fixture import KEY, control, harness, notes, point_at, processes_of
from tests.session_child import write_orders

__all__ = ["control", "harness", "notes"]
pytestmark = pytest.mark.fault

WAIT = "touch started; while [ ! -e go ]; do sleep 0.05; done; touch went"


@asynccontextmanager
async def daemon(harness, job):
    """A process that runs ``job``; killed as a daemon is by the kernel when memory is out."""
    orders = harness.workspace.parent / "orders.json"
    write_orders(orders, harness, job)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.session_child", orders, cwd=Path(__file__).parents[2]
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def recover(harness, control, notes, job, **changes):
    facts = {"session_id": job.session_id, "recover": True, "resume": job.resume} | changes
    again = harness.job(job.prompt, **facts)
    return await harness.session().run(again, control, notes)


def prompt_is_written(harness, job):
    transcripts = (harness.workspace.parent / "claude" / "projects").glob(f"*/{job.session_id}.*")
    return any(re.search(r'"type": ?"user"', path.read_text()) for path in transcripts)


async def test_killed_before_the_prompt_was_sent(
    harness, control, notes, monkeypatch, eventually, tmp_path
):
    stuck = tmp_path / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 600\n")
    stuck.chmod(0o700)
    changed = harness.configuration.daemon.model_copy(update={"cli_path": stuck})
    slow = harness.configuration.model_copy(update={"daemon": changed})
    job = harness.job("do it once")
    async with MessagesApi([say("done")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        async with daemon(type(harness)(slow, harness.workspace, harness.state), job):
            await eventually(lambda: processes_of(job.session_id))
        assert processes_of(job.session_id)
        result = await recover(harness, control, notes, job)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "done")
    assert [call.user_texts for call in api.requests] == [["do it once"]]
    assert processes_of(job.session_id) == []


async def test_killed_in_the_middle(harness, control, notes, monkeypatch, eventually):
    job = harness.job("do it once")
    script = [use("Bash", command=WAIT), say("I went on.")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        async with daemon(harness, job):
            await eventually((harness.workspace / "started").exists)
        result = await recover(harness, control, notes, job)
        (harness.workspace / "go").touch()
    assert (result.outcome, result.text) == (Outcome.FINISHED, "I went on.")
    assert api.requests[1].user_texts == ["do it once", CONTINUE]
    assert len(api.requests) == 2
    assert result.turns == 1
    assert not (harness.workspace / "went").exists()


async def test_killed_while_the_model_answered(harness, control, notes, monkeypatch, eventually):
    job = harness.job("do it once")
    script = [Turn(("slow " * 400,), delay_s=0.2), say("I went on.")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        async with daemon(harness, job):
            await eventually(lambda: api.requests)
            await eventually(lambda: prompt_is_written(harness, job))
        result = await recover(harness, control, notes, job)
    assert result.outcome is Outcome.FINISHED
    assert api.requests[1].user_texts[-1].strip() == CONTINUE
    assert sum("do it once" in text for text in api.requests[1].user_texts) == 1


async def test_killed_after_the_last_answer(harness, control, notes, monkeypatch):
    async with MessagesApi([say("done"), say("never")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("do it once")
        await harness.session().run(job, control, notes)
        # Whatever is left of the budget, and whatever was said since: it is done.
        control.stop.set()
        result = await recover(harness, control, notes, job, max_cost_usd=0.0)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "done")
    assert result.cost_usd == 0
    assert len(api.requests) == 1


async def test_nothing_is_begun_by_who_was_stopped_or_has_nothing_left(harness, control, notes):
    job = harness.job("do it once")
    result = await recover(harness, control, notes, job, max_cost_usd=0.0)
    assert result.outcome is Outcome.FAILED
    assert "the budget leaves nothing to go on with" in result.text
    control.stop.set()
    result = await recover(harness, control, notes, job)
    assert (result.outcome, result.text) == (Outcome.STOPPED, "Stopped.")
    assert processes_of(job.session_id) == []


async def test_follow_up_killed_before_it_was_sent(harness, control, notes, monkeypatch):
    async with MessagesApi([say("one"), say("two")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("first")
        await harness.session().run(job, control, notes)
        second = harness.job(
            "second", session_id=job.session_id, task_id=2, resume=True, recover=True
        )
        result = await harness.session().run(second, control, notes)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "two")
    assert api.requests[1].user_texts == ["first", "second"]


async def test_transcript_is_gone(harness, control, notes, monkeypatch, eventually):
    job = harness.job("do it once")
    script = [use("Bash", command=WAIT), say("never")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        async with daemon(harness, job):
            await eventually((harness.workspace / "started").exists)
        for transcript in (harness.workspace.parent / "claude").rglob("*.jsonl"):
            transcript.unlink()
        result = await recover(harness, control, notes, job)
    assert result.outcome is Outcome.LOST
    assert "retry" in result.text
    assert len(api.requests) == 1
    assert processes_of(job.session_id) == []


async def test_cancelled_and_recovered(harness, control, notes, monkeypatch, eventually):
    job = harness.job("do it once")
    script = [use("Bash", command=WAIT), say("I went on.")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        run = asyncio.create_task(harness.session().run(job, control, notes))
        await eventually(lambda: notes.progressed)
        began = time.monotonic()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert time.monotonic() - began < 5
        assert processes_of(job.session_id) == []
        spent = notes.costs[-1][0]
        result = await recover(harness, control, notes, job)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "I went on.")
    assert api.requests[1].user_texts[-1] == CONTINUE
    assert spent > 0
    assert result.cost_usd == pytest.approx(0.005, rel=0.5)
    assert result.turns == 1


async def test_cancelled_while_claude_does_not_react(
    harness, control, notes, monkeypatch, eventually
):
    job = harness.job("hang")
    async with MessagesApi([use("Bash", command=WAIT)], api_key=KEY) as api:
        point_at(api, monkeypatch)
        run = asyncio.create_task(harness.session().run(job, control, notes))
        await eventually((harness.workspace / "started").exists)
        for process in processes_of(job.session_id):
            process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert time.monotonic() - began < 5
    assert processes_of(job.session_id) == []
