"""Lines of the socket, as they are understood and written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_approval.line_server import encoded
from nuketown_daemon.control.protocol import (
    TEXT_IN_LISTS,
    CancelOperation,
    TaskOperation,
    TasksOperation,
    event_payload,
    listed_task_payload,
    parse_request,
    task_payload,
)
from nuketown_daemon.errors import ProtocolError
from nuketown_daemon.events import Event
from nuketown_daemon.task import Mode, Task, TaskRequest


def line(**values) -> bytes:
    return json.dumps(values).encode()


def a_task(prompt: str = "fix it", result: str | None = None) -> Task:
    request = TaskRequest(project="hello", prompt=prompt, source="socket", requester="uid:0")
    return Task(id=1, request=request, created=1.0, result=result)


def test_task_by_text():
    operation = parse_request(line(op="task", text="work on hello -- fix it"))
    assert isinstance(operation, TaskOperation)
    assert operation.submission.text == "work on hello -- fix it"


def test_task_by_fields():
    operation = parse_request(
        line(
            op="task", project="hello", prompt="fix", branch="x", mode="headless", notify="j@e.org"
        )
    )
    assert isinstance(operation, TaskOperation)
    assert operation.submission.mode is Mode.HEADLESS
    assert operation.submission.branch == "x"
    assert operation.submission.notify == "j@e.org"


def test_defaults():
    assert parse_request(b'{"op":"tasks"}') == TasksOperation(op="tasks", limit=20)
    assert parse_request(b'{"op":"cancel"}') == CancelOperation(op="cancel", id=None)


@pytest.mark.parametrize(
    ("given_line", "sentence"),
    [
        (b"\xff\xfe", "not UTF-8 (byte 0)"),
        (b"{", "not valid JSON"),
        (b"", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b"3", "not a JSON object"),
        (b"{}", "op must be one of task, status"),
        (b'{"op":"sudo"}', "op must be one of"),
        (b'{"op":["task"]}', "op must be one of"),
        (b'{"op":"status","uid":0}', "no such key here: 'uid'"),
        (b'{"op":"tasks","limit":0}', "limit: "),
        (b'{"op":"tasks","limit":"20"}', "limit: "),
        (b'{"op":"tasks","limit":1e300}', "limit: "),
        (b'{"op":"cancel","id":true}', "id: "),
        (b'{"op":"cancel","id":9223372036854775808}', "id: "),
        (b'{"op":"task"}', "either text, or project and prompt"),
        (b'{"op":"task","text":"a","prompt":"b"}', "either text, or project and prompt"),
        (b'{"op":"task","project":"hello"}', "give both"),
        (b'{"op":"task","text":""}', "text: "),
        (b'{"op":"task","text":"a\\u0000b"}', "NUL"),
        (b'{"op":"task","text":"\\ud800"}', "not valid JSON"),
        (b'{"op":"task","project":"../../etc","prompt":"x"}', "not a project name"),
        (b'{"op":"task","project":"-rf","prompt":"x"}', "not a project name"),
        (b'{"op":"task","project":"a","prompt":"x","branch":"--upload-pack=x"}', "not a branch"),
        (b'{"op":"hook","report":{"session_id":"x"}}', "report.hook_event_name"),
    ],
)
def test_refused(given_line: bytes, sentence: str):
    with pytest.raises(ProtocolError) as caught:
        parse_request(given_line)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.attack
@pytest.mark.parametrize("key", ["requester", "peer_uid", "source", "reply_to", "id", "state"])
def test_who_asks_cannot_be_claimed(key: str):
    with pytest.raises(ProtocolError, match=f"no such key here: '{key}'"):
        parse_request(line(op="task", text="x", **{key: "uid:0"}))


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_a_sentence(data: bytes):
    try:
        parse_request(data)
    except ProtocolError as exc:
        assert str(exc).endswith(".")  # noqa: PT017


@given(st.text())
def test_replies_are_one_printable_ascii_line(text: str):
    data = encoded({"ok": False, "error": text})
    assert data.endswith(b"\n")
    assert data[:-1].isascii()
    assert all(byte >= 0x20 for byte in data[:-1])
    assert json.loads(data)["error"] == text


def test_hook_reports_may_carry_more_than_we_know():
    report = {"session_id": "s", "hook_event_name": "Stop", "stop_hook_active": False}
    assert parse_request(line(op="hook", report=report)).report.session_id == "s"


def test_long_texts_are_cut_where_many_tasks_are_sent():
    task = a_task("p" * 5000, "r" * 5000)
    assert task_payload(task)["request"]["prompt"] == "p" * 5000
    assert task_payload(task)["title"].endswith("…")
    listed = listed_task_payload(task)
    assert len(listed["request"]["prompt"]) == len(listed["result"]) == TEXT_IN_LISTS
    event = event_payload(Event(kind="task", at=1.0, task=task))
    assert len(event["task"]["request"]["prompt"]) == TEXT_IN_LISTS
    assert event["task"]["result"] == "r" * 5000
    assert Task.model_validate(listed).id == 1
