"""What is understood without a model."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_daemon.request_parser import (
    Command,
    ParsedTask,
    Refused,
    Unclear,
    Verb,
    parse,
    strip_address,
)
from nuketown_daemon.task import Mode, check_branch_name, check_project_name

KNOWN = ["hello", "nuketown", "mynix", "site.org"]


def test_the_sentence_of_the_seed() -> None:
    text, addressed = strip_address(
        "ada, work on nuketown -- fix udev block device handling", "ada"
    )
    assert addressed
    assert parse(text, KNOWN) == ParsedTask("nuketown", "fix udev block device handling")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("work on nuketown on branch x -- fix it", ParsedTask("nuketown", "fix it", "x")),
        ("Work on hello — add a license", ParsedTask("hello", "add a license")),
        ("work on hello--add", ParsedTask("hello", "add")),
        ("work on hello, branch x, -- y", ParsedTask("hello", "y", "x")),
        ("work on hello on branch x,-- y", ParsedTask("hello", "y", "x")),
        ("work on hello on branch a,b -- y", ParsedTask("hello", "y", "a,b")),
        ("please work on hello: do x\nand y", ParsedTask("hello", "do x\nand y")),
        (
            "work on hello, on branch x, interactive -- y",
            ParsedTask("hello", "y", "x", Mode.INTERACTIVE),
        ),
        ("work on hello headless -- y", ParsedTask("hello", "y", None, Mode.HEADLESS)),
        ("work on unknown-thing -- y", ParsedTask("unknown-thing", "y")),
        ("work on hello -- -- rm 'x' \"y\" $(z)", ParsedTask("hello", "-- rm 'x' \"y\" $(z)")),
        ("work on hello-world - do it", ParsedTask("hello-world", "do it")),
        (
            "fix the tests in Hello.",
            ParsedTask("hello", "fix the tests in Hello.", explicit=False),
        ),
        (
            "in site.org, fix it on branch feature/x",
            ParsedTask(
                "site.org", "in site.org, fix it on branch feature/x", "feature/x", explicit=False
            ),
        ),
        (
            "hello: rename it on branch mynix",
            ParsedTask("hello", "hello: rename it on branch mynix", "mynix", explicit=False),
        ),
        (
            '{"project": "hello", "prompt": "x", "branch": "b", "mode": "headless"}',
            ParsedTask("hello", "x", "b", Mode.HEADLESS),
        ),
        ("status", Command(Verb.STATUS)),
        ("Status?", Command(Verb.STATUS)),
        ("cancel #3", Command(Verb.CANCEL, 3)),
        ("cancel task 12", Command(Verb.CANCEL, 12)),
        ("retry", Command(Verb.RETRY)),
        ("hello and mynix", Unclear("hello and mynix", ("hello", "mynix"))),
        ("fix the thing", Unclear("fix the thing")),
    ],
)
def test_what_people_write(text: str, expected: object) -> None:
    assert parse(text, KNOWN) == expected


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    [
        "work on ../../etc -- x",
        "work on /etc -- x",
        "work on -rf -- x",
        "work on https://evil.example/x.git -- x",
        "work on hello on branch --upload-pack=x -- y",
        '{"project": "../../etc", "prompt": "x"}',
        '{"project": "hello", "prompt": "x", "branch": "-x"}',
        '{"project": "hello", "prompt": "x", "requester": "josh@example.org"}',
        '{"project": "hello", "prompt": 3}',
        '{"project": "hello", "prompt": "x", "mode": "root"}',
        "x" * (64 * 1024 + 1),
        "work on hello --",
        " ",
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(text: str) -> None:
    parsed = parse(text, KNOWN)
    assert isinstance(parsed, Refused)
    assert parsed.reason.rstrip()[-1] in ".?`"


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    [
        "work on x" + " branch a,," * 16,
        "work on x" + " interactive" * 5000,
        "work on x" + " " * 20_000 + "y",
        "work on " + "a," * 30_000 + " y",
        "on branch" + " " * 60_000 + "y",
        "cancel" + " " * 60_000 + "y",
        "a" * 64 * 1024,
    ],
    ids=["commas", "options", "spaces", "project", "branch", "command", "word"],
)
def test_no_message_keeps_the_daemon_busy(text: str) -> None:
    # It is read in the event loop: what takes longer than the watchdog's time would end the
    # daemon, and come again from the archive at each of its starts.
    began = time.thread_time()
    parse(text, KNOWN)
    assert time.thread_time() - began < 1.0


_PIECES = st.sampled_from(
    ["work on ", "ada, ", " -- ", "hello", "mynix", " on branch ", "../", "-", "\n", "{", "}",
     '"project":', "cancel ", "#", "7", "interactive", "—", ": "]
) | st.text(max_size=8)  # fmt: skip


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_any_text_is_understood_as_something_safe(text: str) -> None:
    parsed = parse(text, KNOWN)
    if isinstance(parsed, ParsedTask):
        check_project_name(parsed.project)
        assert parsed.prompt
        if parsed.branch is not None:
            check_branch_name(parsed.branch)
    elif isinstance(parsed, Unclear):
        assert set(parsed.candidates) <= set(KNOWN)


@given(st.text(max_size=200))
def test_the_prompt_arrives_as_it_was_written(prompt: str) -> None:
    parsed = parse(f"work on hello -- {prompt}", KNOWN)
    if prompt.strip() and "\0" not in prompt:
        assert parsed == ParsedTask("hello", prompt.strip())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada, status", ("status", True)),
        ("Ada: status", ("status", True)),
        ("@ada status", ("status", True)),
        ("adam, status", ("adam, status", False)),
        ("status ada", ("status ada", False)),
        ("ada status", ("ada status", False)),
    ],
)
def test_the_agents_name_is_taken_off(text: str, expected: tuple[str, bool]) -> None:
    assert strip_address(text, "ada") == expected
