"""The demonstration as a person starts it: what it shows, how it fails, that it leaves nothing."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from nuketown_daemon.errors import NuketownError
from nuketown_demo.check import REQUEST, verify
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.narration import plain
from nuketown_demo.prosody import find_prosody
from nuketown_demo.scripted_model import demo_script
from nuketown_demo.town import AGENT, Town
from nuketown_demo.turns import ModelCall, Reply, say, use
from tests.conftest import Eventually
from tests.demo_fixture import NO_CONTAINER, Terminal, demo, processes_of

KEY = "sk-ant-of-the-demo-0123456789"


async def test_check_shows_the_conversation_and_leaves_nothing(
    surroundings: dict[str, str], short_tmp: Path
) -> None:
    async with demo(surroundings, "--check") as running:
        await running.until("dnd Working: add a LICENSE file")
        (town,) = short_tmp.iterdir()
        assert any("nuketown_daemon" in line for line in processes_of(town))
        assert await running.ended() == 0, running.output
    assert "ANTHROPIC_API_KEY is not set" in running.output
    order = [
        "chat Ready",
        f"josh       {REQUEST}",
        "On it: add a LICENSE file",
        "Done: add a LICENSE file",
        "$ git log -1 --stat",
        f"Author: {AGENT} <ada@localhost>",
        "\n    Add the MIT license",
        "LICENSE | 21 +++",
        "$ nuketown audit",
    ]
    places = [running.output.index(part) for part in order]
    assert places == sorted(places)
    assert list(short_tmp.iterdir()) == []
    assert processes_of(town) == []


async def test_a_key_reaches_the_model_and_nothing_that_others_can_read(
    surroundings: dict[str, str],
) -> None:
    shown: list[str] = []

    async def watched(call: ModelCall) -> Reply:
        shown.extend(_open_to_others())
        return demo_script(call)

    async with MessagesApi(watched, api_key=KEY) as api:
        surroundings |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": api.url}
        async with demo(surroundings, "--check") as running:
            assert await running.ended() == 0, running.output
    assert "A real model answers" in running.output
    assert KEY not in running.output
    assert api.requests
    assert api.refused == 0
    assert shown == []


def _open_to_others() -> list[str]:
    """Processes of a town that carry the key in their arguments or their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words, environment = process.cmdline(), process.environ()
        except (psutil.Error, OSError):
            continue
        is_demo = words[1:3] == ["-m", "nuketown_demo"]  # the person gave it the key that way
        if any(KEY in word for word in words) or (KEY in environment.values() and not is_demo):
            found.append(" ".join(words))
    return found


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (say("I have added the file and committed it."), "no commit of ada adds a LICENSE file"),
        (None, "ada did not finish: Failed: add a LICENSE file"),
    ],
    ids=["a model that only says so", "a key that is not valid"],
)
async def test_check_fails_when_the_work_does_not_come_out(
    surroundings: dict[str, str], short_tmp: Path, reply: Reply | None, sentence: str
) -> None:
    async with MessagesApi(lambda _: reply or say("never"), api_key=KEY) as api:
        key = KEY if reply else "sk-ant-another"
        surroundings |= {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": api.url}
        async with demo(surroundings, "--check") as running:
            assert await running.ended() == 1, running.output
    *_, last = running.output.strip().splitlines()
    assert last.startswith("demo: ")
    assert sentence in last
    assert "The end of ada's log:" in running.output
    assert "Traceback" not in running.output
    assert list(short_tmp.iterdir()) == []


async def test_a_commit_of_somebody_else_does_not_count(short_tmp: Path) -> None:
    async with Town(short_tmp / "town", api_url=None) as town:
        base = await town.git("rev-parse", "HEAD")
        (town.clone / "LICENSE").write_text("MIT\n")
        await town.git("add", "LICENSE")
        other = ("-c", "user.name=eve", "-c", "user.email=eve@localhost")
        await town.git(*other, "commit", "--quiet", "-m", "A license")
        with pytest.raises(NuketownError, match="no commit of ada"):
            await verify(town, base, "Done: add a LICENSE file")
        await town.git("commit", "--quiet", "--amend", "--reset-author", "--no-edit")
        assert "LICENSE | 1 +" in await verify(town, base, "Done: add a LICENSE file")
        with pytest.raises(NuketownError, match="did not finish"):
            await verify(town, base, "Stopped: add a LICENSE file")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["model answers but a script", "dnd Working"])
async def test_an_interruption_leaves_nothing(
    surroundings: dict[str, str], short_tmp: Path, number: signal.Signals, moment: str
) -> None:
    async with demo(surroundings, "--check") as running:
        await running.until(moment)
        running.process.send_signal(number)
        running.process.send_signal(number)
        assert await running.ended() == 130, running.output
    assert "Traceback" not in running.output
    assert list(short_tmp.iterdir()) == []
    assert processes_of(short_tmp / "nuketown-") == []


@pytest.mark.slow
async def test_what_a_session_leaves_running_is_ended_too(
    surroundings: dict[str, str], short_tmp: Path, eventually: Eventually
) -> None:
    """A process that leaves its session, its parents and its marks behind."""
    left = "setsid env -i /bin/sh -c 'cd /; trap : TERM HUP; while :; do sleep 7777; done' &"

    def model(call: ModelCall) -> Reply:
        if call.last_tool_result is None:
            return use(
                "Bash", command=f"{left} sleep 0.2; pgrep -f 'sleep [7]777'", description="x"
            )
        return use("Bash", command="sleep 60", description="wait")

    async with MessagesApi(model, api_key=KEY) as api:
        surroundings |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": api.url}
        async with demo(surroundings, "--check") as running:
            await eventually(lambda: _sleepers() and len(api.requests) > 1, 40)
            running.process.send_signal(signal.SIGINT)
            assert await running.ended() == 130, running.output
    assert _sleepers() == []
    assert list(short_tmp.iterdir()) == []


def _sleepers() -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[:2] == ["sleep", "7777"]
    ]


def test_words_of_others_move_no_cursor_and_hide_nothing() -> None:
    assert plain("a\x1b[2Jb\rc\u202ed\x00\te\r\nf ü 👍") == "a�[2Jb�c�d�    e\nf ü 👍"


async def test_the_chat_in_a_terminal(
    surroundings: dict[str, str], short_tmp: Path, terminal: Terminal
) -> None:
    terminal.open(surroundings)
    await terminal.shows("/quit", "tmux -L portal-ada attach", "● chat Ready")
    (town,) = short_tmp.iterdir()
    assert f"tail -f {town}/daemon.log" in terminal.screen
    terminal.enter(REQUEST)
    await terminal.shows("ada@localhost ● dnd Working: add a LICENSE file")
    await terminal.shows("ada> Done: add a LICENSE file", "Add the MIT license")
    terminal.enter("/nonsense")
    await terminal.shows("no command /nonsense")

    # What this machine's sudo would do would stay; what XML can't carry would end the stream.
    pasted = Path("/srv/nuketowndemo")
    terminal.paste(f"work on hello -- make {pasted} \x1b[31mred\nand yours")
    terminal.run("send-keys", "Enter")
    await terminal.shows("I made nothing", "your own sudo is none of hers")
    assert not pasted.exists()
    assert "�[31mred (hello, task 2)" in terminal.screen
    terminal.paste("x" * 33_000)
    terminal.run("send-keys", "Enter")
    await terminal.shows("too long for one message (33000 bytes; 32768 at most): not sent")
    terminal.run("send-keys", "C-c")
    terminal.run("send-keys", "C-c")
    await terminal.ended_well()
    assert "Closing the town" in terminal.screen
    assert list(short_tmp.iterdir()) == []
    assert processes_of(town) == []


@pytest.mark.slow
async def test_progress_is_corrected_in_place(
    surroundings: dict[str, str], terminal: Terminal
) -> None:
    gate = asyncio.Event()

    async def model(call: ModelCall) -> Reply:
        answered = sum("tool_result" in str(m.get("content")) for m in call.messages)
        if answered < 2:
            return use("Bash", command="true", description=f"step {answered + 1}")
        await gate.wait()
        return say("All steps taken.")

    async with MessagesApi(model, api_key=KEY) as api:
        surroundings |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": api.url}
        terminal.open(surroundings)
        await terminal.shows("● chat Ready")
        terminal.enter("work on hello -- take steps")
        await terminal.shows("ada> Bash: step 1")
        await terminal.shows("ada> ↻ Bash: step 2\njosh>")
        gate.set()
        await terminal.shows("All steps taken.")
        assert terminal.screen.count("step 2") == 1
        assert terminal.screen.index("↻ Bash: step 2") < terminal.screen.index("Done: take steps")
        terminal.enter("/quit")
        await terminal.ended_well()


async def test_an_interactive_session_and_a_closed_terminal(
    surroundings: dict[str, str], short_tmp: Path, terminal: Terminal, eventually: Eventually
) -> None:
    terminal.open(surroundings)
    await terminal.shows("● chat Ready")
    (town,) = short_tmp.iterdir()
    terminal.enter("ada, work on hello interactive -- add a LICENSE file")
    await terminal.shows("Done: add a LICENSE file")
    listed = subprocess.run(
        ["tmux", "-L", "portal-ada", "list-sessions", "-F", "#{session_name}"],
        env=surroundings | {"TMUX_TMPDIR": f"{town}/run"},
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert listed.stdout == "hello\n"
    terminal.run("kill-session")
    await eventually(lambda: list(short_tmp.iterdir()) == [], 30)
    assert processes_of(town) == []


async def test_without_a_terminal_the_chat_says_what_to_do(surroundings: dict[str, str]) -> None:
    async with demo(surroundings) as running:
        assert await running.ended() == 1
    assert running.output == (
        "demo: the chat needs a terminal; `./dev demo --check` runs without one.\n"
    )


async def test_missing_programs_are_named(surroundings: dict[str, str], tmp_path: Path) -> None:
    async with demo(surroundings | {"PATH": str(tmp_path)}, "--check") as running:
        assert await running.ended() == 1
    assert running.output.startswith("demo: git")
    assert "tmux" in running.output
    assert running.output.count("\n") == 1


@pytest.mark.systemd  # a mount namespace, as booting a container needs it
async def test_a_missing_prosody_is_named(surroundings: dict[str, str]) -> None:
    installed = find_prosody()
    assert installed is not None
    hide_and_run = 'mount --bind /dev/null "$1" && shift && exec "$@"'
    unshare = shutil.which("unshare")
    assert unshare is not None
    process = await asyncio.create_subprocess_exec(
        unshare, "--mount", "sh", "-c", hide_and_run, "sh", installed, *NO_CONTAINER, "--check",
        env=surroundings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 1
    assert output.decode() == (
        "demo: prosody can't be found: `./dev demo` brings it, "
        "or install the package of this name.\n"
    )
