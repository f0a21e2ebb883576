"""Settings that a session is started with, and the record that it leaves."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import uuid

import psutil
import pytest

from nuketown_daemon.configuration import Configuration, Daemon, Identity, SessionSettings
from nuketown_daemon.errors import SessionError
from nuketown_daemon.session import claude_code
from nuketown_daemon.session.harness_settings import session_directory, write_settings
from nuketown_daemon.session.leftovers import SESSION_VARIABLE, end_leftovers
from nuketown_daemon.session.recovery import read_record

PROMPT = str(uuid.uuid4())


def test_settings_tell_how_to_get_the_key(tmp_path):
    key = tmp_path / "it's $(id) a key"
    key.write_text("secret\n")
    path = write_settings(tmp_path / "session", api_key_file=key, hooks={"Stop": []})
    settings = json.loads(path.read_text())
    printed = subprocess.run(
        ["/bin/sh", "-c", settings["apiKeyHelper"]], capture_output=True, check=True
    )
    assert printed.stdout == b"secret\n"
    assert "secret" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (("claude", "--verbose"), ["{cli}", "--verbose"]),
        (("/bin/sh", "--verbose"), ["/bin/sh", "--verbose"]),
    ],
)
def test_claude_in_a_command_stands_for_cli_path(words, program, tmp_path):
    cli = tmp_path / "claude"
    cli.touch(mode=0o700)
    assert command(cli, words)[:2] == [word.format(cli=cli) for word in program]


@pytest.mark.parametrize("mode", [None, 0o600])
def test_a_cli_path_that_is_no_program_is_named(mode, tmp_path):
    if mode is not None:
        (tmp_path / "claude").touch(mode=mode)
    with pytest.raises(SessionError, match=r"claude is not a program.*cli_path in daemon\.toml"):
        command(tmp_path / "claude", ("claude",))


def command(cli, words):
    configuration = Configuration(
        identity=Identity(name="ada"),
        daemon=Daemon(cli_path=cli, session=SessionSettings(command=words)),
    )
    return claude_code.command(
        configuration, settings=cli, session_id="x", resume=False, prompt="hello"
    )


def test_settings_without_a_key_say_nothing(tmp_path):
    path = write_settings(tmp_path, api_key_file=None)
    assert json.loads(path.read_text()) == {}


def test_settings_are_replaced_and_leave_nothing(tmp_path):
    write_settings(tmp_path, api_key_file=None, hooks={"Stop": [1]})
    write_settings(tmp_path, api_key_file=None, hooks={"Stop": [2]})
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_settings_that_can_not_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SessionError, match=r"settings\.json"):
        write_settings(tmp_path / "file", api_key_file=None)


def test_sessions_have_a_directory_each(tmp_path):
    assert session_directory(tmp_path, "abc") == tmp_path / "sessions" / "abc"


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Write a transcript, read it back."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    session = str(uuid.uuid4())

    def write(*entries, tail=""):
        directory = tmp_path / "projects" / "-home-ada-hello"
        directory.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        (directory / f"{session}.jsonl").write_text(lines + tail)
        return read_record(session, prompt_id=PROMPT)

    return write


def said(text, stop="end_turn", **message):
    content = [{"type": "text", "text": text}]
    return {"type": "assistant", "message": {"content": content, "stop_reason": stop, **message}}


ASKED = {"type": "user", "uuid": PROMPT, "message": {"role": "user", "content": "go"}}


def test_no_record(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    assert read_record(str(uuid.uuid4()), prompt_id=PROMPT) is None


def test_finished(record):
    found = record(ASKED, said("done"), {"type": "cost-state", "totalCostUSD": 0.25})
    assert (found.prompt_arrived, found.complete, found.last_text) == (True, True, "done")
    assert found.counted_cost_usd == 0.25


@pytest.mark.parametrize(
    "entries",
    [
        [ASKED],
        [ASKED, said("I look.", "tool_use")],
        [ASKED, said("I", None)],
        [ASKED, said("done"), {"type": "user", "message": {"content": "more"}}],
        [ASKED, said("API Error", "stop_sequence", model="<synthetic>")],
        [ASKED, {"type": "assistant", "message": "?"}],
    ],
)
def test_in_the_middle(entries, record):
    found = record(*entries)
    assert (found.prompt_arrived, found.complete) == (True, False)


def test_what_a_sub_agent_says_ends_nothing(record):
    found = record(ASKED, said("I look.", "tool_use"), {**said("sub"), "isSidechain": True})
    assert (found.complete, found.last_text) == (False, "I look.")


def test_broken_lines_are_passed_over(record):
    found = record("text", 7, ASKED, said("done"), tail='{"type": "assi')
    assert (found.prompt_arrived, found.complete) == (True, True)


@pytest.mark.parametrize("text", ["", "\0\0\0", '{"type": "cost-state", "totalCostUSD": 1}\n'])
def test_a_record_that_tells_nothing_is_none(record, text):
    assert record(tail=text) is None


def test_another_prompt(record):
    assert not record({**ASKED, "uuid": str(uuid.uuid4())}, said("done")).prompt_arrived


async def test_leftovers_are_ended_and_others_are_not(eventually):
    session, other = str(uuid.uuid4()), str(uuid.uuid4())
    stubborn = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
    environment = {"PATH": "/usr/bin:/bin"}
    with (
        subprocess.Popen(
            stubborn, env={**environment, SESSION_VARIABLE: session}, stdout=subprocess.PIPE
        ) as one,
        subprocess.Popen(["sleep", "600"], env={**environment, SESSION_VARIABLE: other}) as two,
    ):
        try:
            assert one.stdout is not None
            assert one.stdout.readline() == b"ready\n"
            assert await end_leftovers(session, grace_s=0.2) >= 1
            await eventually(lambda: one.poll() is not None, 5)
            assert two.poll() is None
            assert await end_leftovers(session) == 0
        finally:
            one.kill()
            two.kill()


async def test_leftovers_with_an_emptied_environment_are_ended(eventually):
    session = str(uuid.uuid4())
    command = ["/bin/sh", "-c", "env -i /bin/sh -c 'sleep 600; :' & echo $!; wait"]
    environment = {"PATH": "/usr/bin:/bin", SESSION_VARIABLE: session}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        child = psutil.Process(int(shell.stdout.readline()))
        await eventually(lambda: child.children() and child.environ() == {}, 5)
        assert await end_leftovers(session) == 3
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_what_only_some_work_needs_is_not_imported_at_start():
    names = ("claude_agent_sdk", "mcp", "anyio", "psutil", "nuketown_approval.request")
    code = (
        "import sys, nuketown_daemon.app, nuketown_daemon.session.headless\n"
        f"print([name for name in {names} if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert loaded.stdout == b"[]\n"
