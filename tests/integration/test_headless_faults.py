"""What goes wrong under a headless session, and what people are told of it."""

from __future__ import annotations

import asyncio
import time

import pytest

from nuketown_daemon.errors import JournalError
from nuketown_daemon.session.contract import Outcome
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.turns import Failure, Turn, say, use
from tests.harness_fixture import KEY, control, harness, notes, point_at, processes_of

__all__ = ["control", "harness", "notes"]
pytestmark = pytest.mark.fault

FOREVER = "touch started; tail -f /dev/null"


@pytest.mark.parametrize(
    "trouble",
    [
        [Failure(429, retry_after_s=1)],
        [Failure(500), Failure(500)],
        [Failure(529)],
        [Turn(("half a sentence",), cut_after=4)],
        [Turn(("not a word",), cut_after=0)],
    ],
    ids=["429", "500 twice", "529", "cut in the middle", "cut at once"],
)
async def test_survives(trouble, harness, control, notes, monkeypatch):
    async with MessagesApi([*trouble, say("made it")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        result = await harness.session().run(harness.job("go"), control, notes)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "made it")
    assert len(api.requests) == len(trouble) + 1


async def test_slow_model(harness, control, notes, monkeypatch):
    async with MessagesApi([Turn(("slow " * 100,), delay_s=0.2)], api_key=KEY) as api:
        point_at(api, monkeypatch)
        result = await harness.session().run(harness.job("go"), control, notes)
    assert result.outcome is Outcome.FINISHED
    assert result.text == ("slow " * 100).strip()
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (Failure(401), "put a valid key into api_key_file"),
        (Failure(400, "Your credit balance is too low to access the Anthropic API."), "no credit"),
        (Failure(400, "prompt is too long: 210000 tokens > 200000 maximum"), "longer than"),
        (Failure(529), "overloaded"),
        (Failure(429), "rate limit"),
        (Failure(500), "HTTP 500"),
        (Failure(404, "model: claude-nonsense"), "model"),
    ],
    ids=["key", "credit", "length", "overloaded", "rate", "broken", "model"],
)
async def test_says_why_it_failed(failure, sentence, harness, control, notes, monkeypatch):
    monkeypatch.setenv("CLAUDE_CODE_MAX_RETRIES", "1")
    async with MessagesApi(lambda _call: failure, api_key=KEY) as api:
        point_at(api, monkeypatch)
        result = await harness.session().run(harness.job("go"), control, notes)
    assert result.outcome is Outcome.FAILED
    assert sentence in result.text
    assert "\n" not in result.text
    assert result.cost_usd == 0
    assert notes.progressed == [] or "I try on" in notes.progressed[-1]


async def test_key_file_holds_the_wrong_key(harness, control, notes, monkeypatch):
    async with MessagesApi([say("never")], api_key="another") as api:
        point_at(api, monkeypatch)
        result = await harness.session().run(harness.job("go"), control, notes)
    assert result.outcome is Outcome.FAILED
    assert "api_key_file" in result.text
    assert not api.requests


async def test_budget_is_kept(harness, control, notes, monkeypatch):
    def dear(_call):
        return Turn((use("Bash", command="true").blocks[0],), input_tokens=100_000)

    async with MessagesApi(dear, api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("spend", max_cost_usd=0.9)
        result = await harness.session(headless_model="claude-haiku-4-5").run(job, control, notes)
    assert result.outcome is Outcome.FAILED
    assert "budget" in result.text
    assert 0.9 <= result.cost_usd < 1.2
    assert len(api.requests) == result.turns == 9


async def test_claude_is_killed(harness, control, notes, monkeypatch, eventually):
    async with MessagesApi([use("Bash", command=FOREVER)], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("go")
        run = asyncio.create_task(harness.session().run(job, control, notes))
        await eventually((harness.workspace / "started").exists)
        next(p for p in processes_of(job.session_id) if "claude" in p.name()).kill()
        result = await run
    assert result.outcome is Outcome.FAILED
    assert "killed (SIGKILL)" in result.text
    assert result.cost_usd == pytest.approx(0.005, rel=0.5)
    assert result.turns == 1
    assert processes_of(job.session_id) == []


async def test_stopped(harness, control, notes, monkeypatch, eventually):
    async with MessagesApi([use("Bash", command=FOREVER)], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("go")
        run = asyncio.create_task(harness.session().run(job, control, notes))
        await eventually((harness.workspace / "started").exists)
        began = time.monotonic()
        control.stop.set()
        result = await run
    assert time.monotonic() - began < 8
    assert result.outcome is Outcome.STOPPED
    assert result.cost_usd > 0
    assert processes_of(job.session_id) == []


async def test_stopped_before_it_began(harness, control, notes, monkeypatch):
    control.stop.set()
    async with MessagesApi([say("never")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("go")
        result = await harness.session().run(job, control, notes)
        assert result.outcome is Outcome.STOPPED
        assert not api.requests
        control.stop.clear()
        again = harness.job("go", session_id=job.session_id, recover=True)
        assert (await harness.session().run(again, control, notes)).text == "never"


async def test_stopped_while_a_person_is_asked(harness, control, notes, monkeypatch, eventually):
    script = [use("mcp__nuketown__ask_human", question="Shall I?")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        run = asyncio.create_task(harness.session().run(harness.job("go"), control, notes))
        await eventually(lambda: notes.asked)
        control.stop.set()
        result = await run
    assert result.outcome is Outcome.STOPPED
    assert notes.waits == ["an answer", None]


async def test_given_up_while_it_starts(harness, control, notes, tmp_path, eventually):
    stuck = tmp_path / "claude"
    stuck.write_text("#!/bin/sh\necho noise; cat > /dev/null\n")
    stuck.chmod(0o700)
    job = harness.job("go")
    run = asyncio.create_task(harness.session(cli_path=stuck).run(job, control, notes))
    await eventually(lambda: processes_of(job.session_id))
    control.stop.set()
    async with asyncio.timeout(5):
        result = await run
    assert (result.outcome, result.text) == (Outcome.STOPPED, "Stopped before it began.")
    assert processes_of(job.session_id) == []


async def test_steered_while_the_journal_is_full(harness, control, notes, monkeypatch, eventually):
    """What can't be noted is noted later, and what is said next is heard all the same."""
    refused, noted = 2, 0

    async def steered():
        nonlocal refused, noted
        if refused:
            refused -= 1
            raise JournalError("the disk is full.")
        noted += 1

    notes.steered = steered
    script = [use("Bash", command="while [ ! -e go ]; do sleep 0.05; done"), say("Heard.")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        run = asyncio.create_task(harness.session().run(harness.job("go"), control, notes))
        await eventually(lambda: notes.progressed)
        for text in ("in blue", "in oil", "at noon"):
            control.steering.put_nowait(text)
        await eventually(control.steering.empty)
        (harness.workspace / "go").touch()
        assert (await run).text == "Heard."
    assert all(text in str(api.requests[1].messages) for text in ("in blue", "in oil", "at noon"))
    assert (refused, noted) == (0, 3)


async def test_time_is_over(harness, control, notes, monkeypatch):
    async with MessagesApi([use("Bash", command=FOREVER)], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("go", timeout_s=2.0)
        result = await harness.session().run(job, control, notes)
    assert result.outcome is Outcome.TIMED_OUT
    assert "2 seconds" in result.text
    assert processes_of(job.session_id) == []


async def test_can_be_continued_after_a_stop(harness, control, notes, monkeypatch, eventually):
    script = [use("Bash", command=FOREVER), say("Back again.")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("go")
        run = asyncio.create_task(harness.session().run(job, control, notes))
        await eventually(lambda: notes.progressed)
        control.stop.set()
        await run
        control.stop.clear()
        again = harness.job("now finish", session_id=job.session_id, resume=True, task_id=2)
        result = await harness.session().run(again, control, notes)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "Back again.")
    assert api.requests[1].user_texts[-1] == "now finish"
