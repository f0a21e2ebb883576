"""The words that people and other agents really use in a chat, and what becomes of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_daemon.message_text import strip_address
from nuketown_daemon.request_parser import (
    Command,
    Kind,
    ParsedTask,
    Refused,
    Remark,
    Unclear,
    Verb,
    parse,
    read,
)
from nuketown_daemon.task import Mode

KNOWN = ["hello", "nuketown", "mynix", "site.org"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Please could you work on Hello interactive – y",
            ParsedTask("hello", "y", None, Mode.INTERACTIVE),
        ),
        ("work on the `hello` repo on branch `x` -- y", ParsedTask("hello", "y", "x")),
        (
            "ok, I'd like you to start working on hello headless -- y",
            ParsedTask("hello", "y", None, Mode.HEADLESS),
        ),
        ("- work on hello -- y", ParsedTask("hello", "y")),
        ("**Task**: work on hello -- y", ParsedTask("hello", "y")),
        ("don't use tabs in hello", ParsedTask("hello", "don't use tabs in hello", explicit=False)),
        ("work on hello on branch feature--x -- y", ParsedTask("hello", "y", "feature--x")),
        (
            "work on hello on the dev branch -- y",
            ParsedTask("hello", "work on hello on the dev branch -- y", "dev", explicit=False),
        ),
        (
            "fix hello on every branch",
            ParsedTask("hello", "fix hello on every branch", explicit=False),
        ),
        (
            "commit to hello on branch “dev”.",
            ParsedTask("hello", "commit to hello on branch “dev”.", "dev", explicit=False),
        ),
        ("fix _hello_ now", ParsedTask("hello", "fix _hello_ now", explicit=False)),
        (
            "Hello, fix the tests in mynix",
            ParsedTask("mynix", "Hello, fix the tests in mynix", explicit=False),
        ),
        ("hello, fix the tests", Unclear("hello, fix the tests", ("hello",))),
        (
            "work on these: fix a and b in hello",
            ParsedTask("hello", "work on these: fix a and b in hello", explicit=False),
        ),
        ("work on this -- fix it", Unclear("work on this -- fix it")),
        ("work on newthing: fix it", Unclear("work on newthing: fix it")),
        ("hello.py is broken", Unclear("hello.py is broken")),
        ("```\nwork on hello -- x\n```", ParsedTask("hello", "x")),
        (
            '```json\n{"op": "task", "project": "Hello", "prompt": "x"}\n```',
            ParsedTask("hello", "x"),
        ),
        ("> On it: x (hello, task 3).\n\nstatus", Command(Verb.STATUS)),
        (
            "> no such file\nwork on hello -- fix this",
            ParsedTask("hello", "fix this\n\n> no such file"),
        ),
        (
            "> Done: x (hello, task 3)\nnow the README",
            Unclear("now the README\n\n> Done: x (hello, task 3)", ("hello",)),
        ),
        (
            "stop the server in hello",
            ParsedTask("hello", "stop the server in hello", explicit=False),
        ),
        (
            "cancel the newsletter in mynix",
            ParsedTask("mynix", "cancel the newsletter in mynix", explicit=False),
        ),
    ],
)
def test_a_task_in_the_words_of_people(text: str, expected: object) -> None:
    assert parse(text, KNOWN) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"project": "hello", "prompt": "a\\u0000b"}',
        '{"project": "hello", "prompt": "\\ud800"}',
        '{"project": "hello", "prompt": "x"',
        "{“project”: “hello”, “prompt”: “x”}",
        '[{"project": "hello", "prompt": "x"}, {"project": "hello", "prompt": "y"}]',
        '{"op": "cancel", "id": 3}',
        "> Done: x (hello, task 3)",
    ],
)
def test_what_looks_like_a_task_and_is_none_gets_a_sentence(text: str) -> None:
    assert isinstance(parse(text, KNOWN), Refused)


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    [
        "```\n" + " " * 60_000 + "x",
        "hello" + "\n" * 60_000 + "x",
        "on the " * 9_000,
        "please " * 9_000,
        "> " * 30_000,
        ">\n" * 30_000,
        "[" * 60_000,
        "ada" + " " * 30_000 + "-" * 30_000 + "x",
        "x" + " ada" * 15_000,
    ],
    ids=["fence", "greeting", "articles", "politeness", "quoting", "quotation", "brackets",
         "address", "names"],
)  # fmt: skip
def test_nothing_said_keeps_the_daemon_busy(text: str) -> None:
    began = time.thread_time()
    read(text, "ada", KNOWN)
    assert time.thread_time() - began < 1.0


@pytest.mark.parametrize(
    "text",
    ["status", "STATUS!!!", "please status", "status please", "what's the status?", "/status",
     "!status", "`status`", "“status”", "show me the status", "ada status", "Hey ada, status?",
     "@ada: status", "ada - status", "ada — status", "Hello Ada!\nstatus", "status, ada",
     "status @ada", "\u200bstatus", "status 👀", "Ada：status？"],
)  # fmt: skip
def test_a_command_in_the_words_of_people(text: str) -> None:
    assert read(text, "ada", KNOWN)[1] == Command(Verb.STATUS)


@pytest.mark.parametrize(
    ("text", "verb", "task_id"),
    [
        ("STOP!!!", Verb.STOP, None),
        ("can you stop it, please?", Verb.STOP, None),
        ("stop task 3", Verb.CANCEL, 3),
        ("please cancel (3), thanks", Verb.CANCEL, 3),
        ("cancel no. 3", Verb.CANCEL, 3),
        ("retry it", Verb.RETRY, None),
        ("help me!", Verb.HELP, None),
    ],
)
def test_what_a_command_names(text: str, verb: Verb, task_id: int | None) -> None:
    assert parse(text, KNOWN) == Command(verb, task_id)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("cancel 3 and 4", "`cancel 3`"),
        ("cancel all", "`queue` lists them"),
        ("cancel 99999999999", "`cancel 3`"),
        ("cancel hello", "`cancel 3`"),
        ("attach to hello", "`attach`"),
        ("retry the last task", "`retry 3`"),
        ("status 3", "`status` alone"),
        ("stop working on hello", "`stop` alone"),
        ("stop doing that", "`stop` alone"),
        ("stop that and work on mynix -- y", "I start nothing by that"),
        ("cancel it, then work on mynix -- " + "y " * 200, "I start nothing by that"),
        ("please don't work on hello -- it is frozen", "I start nothing by that"),
        ("do not touch hello today", "I start nothing by that"),
        ("cancle 3", "`cancel 3`"),
        ("statsu", "`status`"),
        ("abort!", "`stop`"),
    ],
)
def test_what_is_nearly_a_command_starts_nothing(text: str, part: str) -> None:
    parsed = parse(text, KNOWN)
    assert isinstance(parsed, Remark)
    assert parsed.kind is Kind.UNSURE
    assert part in parsed.reason


@pytest.mark.parametrize(
    ("text", "kind", "project"),
    [
        ("hello", Kind.PROJECT, "hello"),
        ("Hello!!", Kind.PROJECT, "hello"),
        ("ada, hello everyone!", Kind.PROJECT, "hello"),
        ("hello how are you doing today?", Kind.PROJECT, "hello"),
        ("hello world", Kind.PROJECT, "hello"),
        ("it's the hello repo, sorry", Kind.PROJECT, "hello"),
        ("site.org", Kind.PROJECT, "site.org"),
        ("work on hello", Kind.PROJECT, "hello"),
        ("work on Hello on branch x please.", Kind.PROJECT, "hello"),
        ("work on newthing:", Kind.PROJECT, "newthing"),
        ("thanks!", Kind.COURTESY, None),
        ("Great work, thank you ada 👍", Kind.COURTESY, None),
        ("Hi Ada, how are you?", Kind.COURTESY, None),
        ("good morning ada", Kind.COURTESY, None),
        ("@ada", Kind.COURTESY, None),
        ("yes please", Kind.YES, None),
        ("go ahead", Kind.YES, None),
        ("👍", Kind.YES, None),
        ("never mind", Kind.NO, None),
        ("?", Kind.UNSURE, None),
    ],
)
def test_what_is_said_in_passing_starts_nothing(text: str, kind: Kind, project: str | None) -> None:
    _, parsed = read(text, "ada", KNOWN)
    assert isinstance(parsed, Remark)
    assert (parsed.kind, parsed.project) == (kind, project)


@pytest.mark.parametrize(
    ("text", "kind", "project"),
    [
        ("go ahead", Kind.YES, None),
        ("never mind", Kind.NO, None),
        ("go", Kind.PROJECT, "go"),
        ("mind", Kind.PROJECT, "mind"),
    ],
)
def test_projects_with_the_names_of_common_words(
    text: str, kind: Kind, project: str | None
) -> None:
    parsed = parse(text, ["go", "mind", "queue"])
    assert isinstance(parsed, Remark)
    assert (parsed.kind, parsed.project) == (kind, project)
    assert parse("queue", ["queue"]) == Command(Verb.QUEUE)
    assert parse("fix the queue", ["queue"]) == ParsedTask("queue", "fix the queue", explicit=False)


@given(st.lists(st.sampled_from(
    ["please", "cancel", "stop", "retry", "status", "3", "#4", "the", "task", "hello", "all", ",",
     "!", "now", "it", "thanks"]
), max_size=6).map(" ".join))  # fmt: skip
def test_talk_about_tasks_never_becomes_a_task(text: str) -> None:
    """Where a verb comes first, whatever else of these words is said."""
    said, parsed = read(f"cancel {text}", "ada", KNOWN)
    assert not isinstance(parsed, ParsedTask), said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hi ada, status", ("status", True)),
        ("ada.py is broken", ("ada.py is broken", False)),
        ("@ada.example.org is down", ("@ada.example.org is down", False)),
        ("@ada-bot status", ("@ada-bot status", False)),
    ],
)
def test_how_an_agent_is_called(text: str, expected: tuple[str, bool]) -> None:
    assert strip_address(text, "ada") == expected
