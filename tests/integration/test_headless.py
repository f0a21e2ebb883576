"""Headless sessions with the real claude CLI against a scripted Messages API."""

from __future__ import annotations

import asyncio
import subprocess
from collections import deque

import pytest

from nuketown_daemon.errors import SessionError
from nuketown_daemon.session import client
from nuketown_daemon.session.contract import Outcome
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.turns import ToolUse, Turn, say, use
from tests.harness_fixture import (
    KEY,
    control,
    harness,
    notes,
    point_at,
    processes_of,
)

__all__ = ["control", "harness", "notes"]


async def test_works_and_reports(harness, control, notes, monkeypatch):
    look = Turn(("I look first.", ToolUse("Bash", {"command": "git log --oneline"})))
    async with MessagesApi([look, say("All done.")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("what is here?")
        result = await harness.session(headless_model="claude-haiku-4-5").run(job, control, notes)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "All done.")
    assert (result.session_id, result.turns) == (job.session_id, 2)
    assert result.cost_usd == pytest.approx(2 * (1000 * 1.0 + 50 * 5.0) / 1e6)
    assert notes.costs[-1] == (result.cost_usd, 2)
    assert notes.progressed == ["I look first.", "Bash: git log --oneline", "All done."]
    assert len(api.requests) == 2
    assert {call.model for call in api.requests} == {"claude-haiku-4-5"}
    assert "first" in (api.requests[1].last_tool_result or "")


async def test_agent_is_told_who_it_is(harness, control, notes, monkeypatch):
    (harness.workspace / "CLAUDE.md").write_text("The house colour is green.")
    async with MessagesApi([say("ok")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        await harness.session().run(harness.job("hello", timeout_s=7200), control, notes)
    first = api.requests[0]
    assert "You are ada <ada@example.org>" in first.system
    assert {"Bash", "Read", "Edit", "mcp__nuketown__ask_human"} <= first.tools
    assert not {"CronCreate", "ScheduleWakeup", "EnterWorktree"} & first.tools
    # The end of a turn is the end of the task: no command may still be awaited then.
    bash = next(str(tool) for tool in first.body["tools"] if tool["name"] == "Bash")
    assert "run_in_background" not in bash
    assert "max 7200000 " in bash
    assert "The house colour is green." in str(first.body["messages"])


@pytest.mark.parametrize(
    "prompt",
    [
        "-p --help",
        "/clear",
        "!id",
        "#note",
        "@/etc/hostname and @README.md",
        'it\'s "quoted" $(touch pwned) `touch pwned` ${HOME}; rm -rf / && \\n',
        "two\nlines\n\n  indented\ttab\n",
        "ünïcödé 🦄 \u202e",
    ],
)
async def test_prompt_arrives_unchanged(prompt, harness, control, notes, monkeypatch):
    async with MessagesApi([say("ok")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        result = await harness.session().run(harness.job(prompt), control, notes)
    assert result.outcome is Outcome.FINISHED
    assert api.requests[0].user_texts == [prompt]
    assert not (harness.workspace / "pwned").exists()


async def test_key_is_in_no_environment_and_no_argument(harness, control, notes, monkeypatch):
    look = 'tr "\\0" "\\n" < /proc/$PPID/environ; tr "\\0" "\\n" < /proc/$PPID/cmdline; env; set'
    async with MessagesApi([use("Bash", command=look), say("ok")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("look around")
        await harness.session().run(job, control, notes)
    seen = api.requests[1].last_tool_result or ""
    assert f"NUKETOWN_SESSION={job.session_id}" in seen
    assert "NUKETOWN_TASK=1" in seen
    assert KEY not in seen
    assert api.refused == 0
    assert "x-api-key" in api.requests[0].credentials


async def test_a_tool_that_is_not_allowed_is_refused_without_asking(
    harness, control, notes, monkeypatch
):
    script = [use("Bash", command="touch made"), say("I could not.")]
    settings = harness.configuration.daemon.session.model_copy(update={"allowed_tools": ("Read",)})
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        await harness.session(session=settings).run(harness.job("touch it"), control, notes)
    assert not (harness.workspace / "made").exists()


async def test_steered_in_the_middle_of_a_turn(harness, control, notes, monkeypatch, eventually):
    script = [use("Bash", command="while [ ! -e go ]; do sleep 0.05; done"), say("As you wish.")]
    async with MessagesApi(script, api_key=KEY) as api, asyncio.TaskGroup() as group:
        point_at(api, monkeypatch)
        run = group.create_task(harness.session().run(harness.job("wait"), control, notes))
        await eventually(lambda: notes.progressed)
        control.steering.put_nowait("/model $(id) -- in blue, please")
        await eventually(control.steering.empty)
        (harness.workspace / "go").touch()
        result = await run
    assert (result.outcome, result.text) == (Outcome.FINISHED, "As you wish.")
    assert "/model $(id) -- in blue, please" in str(api.requests[1].messages)
    assert len(api.requests) == 2


async def test_steered_while_the_last_answer_comes(
    harness, control, notes, monkeypatch, eventually
):
    script = [Turn(("slow " * 200,), delay_s=0.1), say("The second answer.")]
    async with MessagesApi(script, api_key=KEY) as api, asyncio.TaskGroup() as group:
        point_at(api, monkeypatch)
        run = group.create_task(harness.session().run(harness.job("go"), control, notes))
        await eventually(lambda: api.requests)
        control.steering.put_nowait("one more thing")
        result = await run
    assert result.text == "The second answer."
    assert api.requests[1].user_texts[-1] == "one more thing"
    assert result.turns == 2


async def test_follow_up_continues_the_conversation_and_counts_its_own_cost(
    harness, control, notes, monkeypatch
):
    async with MessagesApi([say("one"), say("two")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        session = harness.session()
        job = harness.job("first")
        first = await session.run(job, control, notes)
        again = harness.job("second", session_id=job.session_id, resume=True, task_id=2)
        second = await session.run(again, control, notes)
    assert api.requests[1].user_texts == ["first", "second"]
    assert second.text == "two"
    assert first.cost_usd > 0
    assert second.cost_usd == pytest.approx(first.cost_usd)
    assert second.turns == 1


async def test_conversation_to_continue_is_gone(harness, control, notes, monkeypatch):
    async with MessagesApi([say("never")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        result = await harness.session().run(harness.job("go on", resume=True), control, notes)
    assert result.outcome is Outcome.LOST
    assert "gone" in result.text
    assert not api.requests


async def test_person_is_asked_and_answers_late(harness, control, notes, monkeypatch, eventually):
    question = {"question": "Which colour?", "choices": ["red", "blue"]}
    script = [Turn((ToolUse("mcp__nuketown__ask_human", question),)), say("Blue it is.")]
    async with MessagesApi(script, api_key=KEY) as api, asyncio.TaskGroup() as group:
        point_at(api, monkeypatch)
        run = group.create_task(harness.session().run(harness.job("paint"), control, notes))
        await eventually(lambda: notes.asked)
        assert notes.asked == [("Which colour?", ("red", "blue"))]
        assert notes.waits == ["an answer"]
        notes.answers.put_nowait("blue 💙")
        result = await run
    assert result.text == "Blue it is."
    assert api.requests[1].last_tool_result == "blue 💙"
    assert notes.waits == ["an answer", None]
    assert notes.progressed == ["Blue it is."]


async def test_nobody_answers(harness, control, notes, monkeypatch):
    notes.silence = "Nobody answered within an hour."
    script = [use("mcp__nuketown__ask_human", question="Shall I?"), say("I left it as it was.")]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        result = await harness.session().run(harness.job("ask"), control, notes)
    assert (result.outcome, result.text) == (Outcome.FINISHED, "I left it as it was.")
    assert api.requests[1].last_tool_result == "Nobody answered within an hour."
    assert notes.waits == ["an answer", None]


async def test_harness_waits_longer_than_a_person_is_given(
    harness, control, notes, monkeypatch, eventually
):
    script = [Turn((ToolUse("mcp__nuketown__ask_human", {"question": "?"}),)), say("ok")]
    async with MessagesApi(script, api_key=KEY) as api, asyncio.TaskGroup() as group:
        point_at(api, monkeypatch)
        job = harness.job("ask")
        run = group.create_task(harness.session().run(job, control, notes))
        await eventually(lambda: notes.asked)
        environment = processes_of(job.session_id)[0].environ()
        given_s = harness.configuration.daemon.session.question_timeout
        assert int(environment["MCP_TOOL_TIMEOUT"]) > given_s * 1000
        notes.answers.put_nowait("yes")
        await run


async def test_messages_to_other_agents(harness, control, notes, monkeypatch):
    tool = "mcp__nuketown__message_agent"
    script = [
        use(tool, agent="bob", text="the build is green"),
        use(tool, agent="mallory", text="psst"),
        say("told"),
    ]
    async with MessagesApi(script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        await harness.session().run(harness.job("tell bob"), control, notes)
    assert notes.sent == [("bob", "the build is green")]
    assert api.requests[2].last_tool_result == "mallory is not a peer."


async def test_claude_can_not_be_found(harness, control, notes):
    session = harness.session(cli_path=harness.workspace / "no-claude")
    with pytest.raises(SessionError, match=r"cli_path in daemon\.toml"):
        await session.run(harness.job("hello"), control, notes)


async def test_claude_does_not_start(harness, control, notes, tmp_path):
    broken = tmp_path / "claude"
    broken.write_text("#!/bin/sh\necho 'the loader is missing' >&2\nread -r line\nexit 127\n")
    broken.chmod(0o700)
    with pytest.raises(SessionError, match="the loader is missing"):
        await harness.session(cli_path=broken).run(harness.job("hello"), control, notes)


async def test_claude_prints_what_is_no_message(harness, control, notes, tmp_path):
    """A start that fails leaves nothing of it behind."""
    broken = tmp_path / "claude"
    broken.write_text("#!/bin/sh\nsleep 600 &\necho noise\necho '{broken'\nexec cat > /dev/null\n")
    broken.chmod(0o700)
    job = harness.job("hello")
    with pytest.raises(SessionError, match=r"\{broken.*cli_path in daemon\.toml"):
        await harness.session(cli_path=broken).run(job, control, notes)
    assert processes_of(job.session_id) == []


async def test_start_that_takes_too_long():
    class Slow:
        async def connect(self):
            raise TimeoutError

    with pytest.raises(SessionError, match="did not answer within 90 s of its start"):
        await client._start(Slow(), None, deque())


async def test_clone_is_gone(harness, control, notes):
    harness.workspace.rename(harness.workspace.with_name("elsewhere"))
    with pytest.raises(SessionError, match="hello is gone: it was moved or deleted"):
        await harness.session().run(harness.job("hello"), control, notes)


async def test_nothing_is_left_running(harness, control, notes, monkeypatch):
    async with MessagesApi([say("bye")], api_key=KEY) as api:
        point_at(api, monkeypatch)
        job = harness.job("hello")
        await harness.session().run(job, control, notes)
    assert processes_of(job.session_id) == []
    log = ["git", "-C", str(harness.workspace), "status", "--porcelain"]
    assert subprocess.run(log, capture_output=True, check=True).stdout == b""
