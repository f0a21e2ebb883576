"""What people read of a session: progress lines, reasons of failures, the briefing."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from nuketown_daemon.configuration import Identity
from nuketown_daemon.session.briefing import briefing
from nuketown_daemon.session.failure import exit_sentence, result_sentence
from nuketown_daemon.session.progress import TEXT_LIMIT, said, tool_line

HERE = PurePath("/home/ada/projects/hello")


@pytest.mark.parametrize(
    ("name", "tool_input", "line"),
    [
        ("Bash", {"command": "git status\n--short"}, "Bash: git status --short"),
        ("Bash", {"command": "make", "description": "Build it"}, "Bash: Build it"),
        ("Edit", {"file_path": f"{HERE}/src/a.py", "old_string": "x"}, "Edit: src/a.py"),
        ("Grep", {"pattern": "TODO"}, "Grep: TODO"),
        ("TodoWrite", {"todos": []}, "TodoWrite"),
        ("Bash", {"command": "printf '\x1b[31m\x07'"}, "Bash: printf '[31m'"),
        ("mcp__nuketown__ask_human", {"question": "?"}, None),
    ],
)
def test_tool_lines(name, tool_input, line):
    assert tool_line(name, tool_input, HERE) == line


def test_progress_is_bounded():
    assert len(said("x" * 5000)) == TEXT_LIMIT
    assert len(tool_line("Bash", {"command": "x" * 5000}, HERE) or "") == 120


def test_progress_keeps_lines_and_drops_control_characters():
    assert said(" one\n\ttwo\x1b]0;x\x07\x9b ") == "one\n\ttwo]0;x"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("error_max_budget_usd", None, None, ["Reached"]), "budget"),
        (("error_max_turns", None, None, []), "turns"),
        (("success", 401, "Invalid API key", None), "api_key_file"),
        (("success", None, "Not logged in · Please run /login", None), "log in with claude"),
        (("success", 400, "Credit balance is too low", None), "top it up"),
        (("success", 400, "Prompt is too long", None), "start a new task"),
        (("success", 529, "API Error: 529 Overloaded", None), "overloaded"),
        (("success", 503, "API Error", None), "HTTP 503"),
        (("error_during_execution", None, None, ["it\nbroke"]), "it broke"),
        (("strange", None, None, None), "strange"),
    ],
)
def test_reasons_of_failures(arguments, part):
    sentence = result_sentence(*arguments)
    assert part in sentence
    assert "\n" not in sentence


def test_ends_of_the_process():
    assert "SIGKILL" in exit_sentence(-9, [])
    assert "signal 250" in exit_sentence(-250, [])
    assert exit_sentence(1, ["first", "disk full"]).endswith("(exit status 1): disk full")
    assert exit_sentence(0, []).endswith("(exit status 0).")


def test_briefing_names_the_agent():
    identity = Identity(name="ada", role="printer", email="", description={"text": "Prints."})
    text = briefing(identity)
    assert text.startswith("You are ada, a printer agent")
    assert "Prints." in text
    assert "ask_human" in text
