"""The scripted Messages API: what it sends, what it remembers, and the demo's stand-in."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest

from nuketown_daemon.session.contract import Outcome
from nuketown_daemon.understanding import understand
from nuketown_daemon.workspace.bootstrap import Bootstrap, Wanted
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.scripted_model import demo_script
from nuketown_demo.turns import Failure, ModelCall, ToolUse, Turn, say
from tests.harness_fixture import KEY, Notes, control, harness, notes, point_at

__all__ = ["control", "harness", "notes"]

ASKED = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}


async def request(api, body, *, method="POST", path="/v1/messages?beta=true", key=KEY):
    """One request as written on the wire; status, headers and body of the answer."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    payload = json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n"
    writer.write(f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, text = answer.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, text


def events(text):
    """Server-sent events: name and data."""
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_streams_text_and_tool_use():
    turn = Turn(("a" * 450, ToolUse("Bash", {"command": "ls"})), input_tokens=7, output_tokens=9)
    async with MessagesApi([turn]) as api:
        status, headers, text = await request(api, {**ASKED, "stream": True})
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    seen = list(events(text))
    assert [name for name, _ in seen] == [
        "message_start", "ping",
        "content_block_start", *["content_block_delta"] * 3, "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert all(data["type"] == name for name, data in seen)
    text_parts = [d["delta"]["text"] for _, d in seen if d.get("delta", {}).get("text")]
    assert "".join(text_parts) == "a" * 450
    assert seen[0][1]["message"]["usage"]["input_tokens"] == 7
    assert seen[-2][1]["delta"]["stop_reason"] == "tool_use"
    assert seen[-2][1]["usage"]["output_tokens"] == 9
    assert json.loads(seen[8][1]["delta"]["partial_json"]) == {"command": "ls"}


async def test_answers_whole_where_no_stream_is_wanted():
    async with MessagesApi([say("hello")]) as api:
        status, _, text = await request(api, ASKED)
    message = json.loads(text)
    assert (status, message["stop_reason"]) == (200, "end_turn")
    assert message["content"] == [{"type": "text", "text": "hello"}]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limit_error"), (500, "api_error"), (529, "overloaded_error")],
)
async def test_fails_as_documented(status, kind):
    async with MessagesApi([Failure(status, retry_after_s=3)]) as api:
        answered, headers, text = await request(api, {**ASKED, "stream": True})
    body = json.loads(text)
    assert (answered, headers["retry-after"]) == (status, "3")
    assert (body["type"], body["error"]["type"]) == ("error", kind)


async def test_cuts_the_connection():
    async with MessagesApi([Turn(("hello",), cut_after=3)]) as api:
        with pytest.raises(ConnectionResetError):
            await request(api, {**ASKED, "stream": True})


async def test_key_is_checked_and_not_kept():
    async with MessagesApi([say("one")], api_key=KEY) as api:
        refused, _, text = await request(api, ASKED, key="wrong")
        admitted, _, _ = await request(api, ASKED)
    assert (refused, json.loads(text)["error"]["type"]) == (401, "authentication_error")
    assert (admitted, api.refused, len(api.requests)) == (200, 1, 1)
    assert KEY not in repr(api.requests)
    assert api.requests[0].credential == "x-api-key"


async def test_calls_of_the_harness_for_itself_use_up_no_turn():
    title = {**ASKED, "system": [{"type": "text", "text": "Write a short title."}]}
    async with MessagesApi([say("one")]) as api:
        await request(api, {**ASKED, "max_tokens": 1})
        await request(api, title)
        await request(api, ASKED)
        count, _, text = await request(api, ASKED, path="/v1/messages/count_tokens")
        assert (await request(api, {}, method="HEAD", path="/api/hello"))[0] == 200
        assert (await request(api, {}, method="GET", path="/nothing"))[0] == 404
        assert (await request(api, ASKED))[0] == 400
    assert (count, json.loads(text)["input_tokens"] > 0) == (200, True)
    assert len(api.auxiliary) == 2
    assert len(api.requests) == 2
    assert api.other_paths == ["HEAD /api/hello", "GET /nothing"]


async def test_a_rule_may_wait():
    gate, waits = asyncio.Event(), asyncio.Event()

    async def rule(call: ModelCall):
        waits.set()
        await gate.wait()
        return say(f"you said {call.user_texts[0]}")

    async with MessagesApi(rule) as api, asyncio.TaskGroup() as group:
        answer = group.create_task(request(api, ASKED))
        await waits.wait()
        assert not answer.done()
        gate.set()
        assert json.loads((await answer)[2])["content"][0]["text"] == "you said hi"


async def test_demo_adds_a_license_and_says_what_it_is(harness, control, notes, monkeypatch):
    git = ["git", "-C", str(harness.workspace)]
    async with MessagesApi(demo_script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        session = harness.session()
        done = await session.run(harness.job("add a LICENSE file"), control, notes)
        log = subprocess.run([*git, "log", "--format=%s|%an"], capture_output=True, check=True)
        again = await session.run(harness.job("add a LICENSE file"), control, notes)
        other = await session.run(harness.job("write me a compiler"), control, notes)
    assert done.outcome is Outcome.FINISHED
    assert "Add the MIT license" in done.text
    assert log.stdout.decode().splitlines()[0] == "Add the MIT license|ada"
    assert "Copyright (c)" in (harness.workspace / "LICENSE").read_text()
    assert "already" in again.text
    assert "scripted stand-in" in other.text


async def test_demo_chooses_a_project(harness, monkeypatch):
    async with MessagesApi(demo_script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        projects = {"hello": None, "notes": None}
        one, none = [
            await understand(
                text, projects, configuration=harness.configuration, state_directory=harness.state
            )
            for text in ("tidy up hello, please", "tidy up")
        ]
    assert (one.project, one.candidates) == ("hello", ())
    assert (none.project, none.candidates) == (None, ("hello", "notes"))


async def test_demo_prepares_a_workspace(harness, monkeypatch, tmp_path):
    class Preparing(Notes):
        async def model_started(self) -> None:
            self.said.append("model started")

    target = tmp_path / "clones"
    target.mkdir()
    daemon = harness.configuration.daemon.model_copy(update={"projects_dir": target})
    configuration = harness.configuration.model_copy(update={"daemon": daemon})
    observer = Preparing()
    async with MessagesApi(demo_script, api_key=KEY) as api:
        point_at(api, monkeypatch)
        bootstrap = Bootstrap(configuration, harness.state, observer, max_cost_usd=0.25)
        remotes = {"hello": str(harness.workspace)}
        found = await bootstrap.run(Wanted("hello", "main", "add a license", remotes))
        asked = await bootstrap.run(Wanted("other", None, "add a license", remotes))
    assert found.question is None
    assert (target / "hello" / ".git").is_dir()
    assert "git remote" in (asked.question or "")
