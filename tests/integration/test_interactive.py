import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from interactive_town import API_KEY, Town, town

from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.errors import SessionError
from nuketown_daemon.session.contract import Outcome, SessionJob, SessionResult
from nuketown_daemon.session.conversation import ConversationStore
from nuketown_daemon.session.interactive import InteractiveSession
from nuketown_demo.turns import Failure, ModelCall, Reply, say, use

MakeTown = Callable[..., Awaitable[Town]]
HOSTILE = '--it\'s "quoted" $(touch x) `touch y`\n\n  - a list;\nümläut #{pid} !x;'


@pytest.fixture
async def make_town(short_tmp, monkeypatch) -> AsyncIterator[MakeTown]:
    # The variables of a daemon's environment; HOME is another one so that nothing of the user's
    # own Claude Code is read or written.
    for name in [n for n in os.environ if n.startswith(("ANTHROPIC", "CLAUDE", "TMUX"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(short_tmp))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(short_tmp / "claude"))
    monkeypatch.setenv("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
    monkeypatch.setenv("TMUX_TMPDIR", str(short_tmp))
    async with AsyncExitStack() as stack:

        async def make(script, **options) -> Town:
            environment: dict[str, str] = {}
            place = await stack.enter_async_context(town(short_tmp, environment, script, **options))
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            return place

        yield make


def job(place: Town, prompt: str, **options) -> SessionJob:
    return SessionJob(
        task_id=options.pop("task_id", 1),
        prompt=prompt,
        workspace=place.workspace,
        session_id=options.pop("session_id", None) or str(uuid.uuid4()),
        **options,
    )


async def finish(place: Town, work: SessionJob, timeout_s: float = 40) -> SessionResult:
    async with asyncio.timeout(timeout_s):
        return await place.session.run(work, place.control, place.observer)


def events(place: Town) -> list[str]:
    return [report.hook_event_name for report in place.reports]


async def test_a_hostile_prompt_arrives_exactly_and_the_last_message_comes_back(
    make_town, eventually
) -> None:
    place = await make_town([say("All done.")])
    result = await finish(place, job(place, HOSTILE))
    assert (result.outcome, result.text) == (Outcome.FINISHED, "All done.")
    assert place.prompts() == [HOSTILE]
    assert not (place.workspace / "x").exists()
    assert result.turns == place.observer.turns == 1
    assert events(place)[:3] == ["SessionStart", "UserPromptSubmit", "Stop"]
    # The session stays for a human to look at.

    async def shown() -> bool:
        return "All done." in await place.screen()

    await eventually(shown)


async def test_a_prompt_longer_than_a_tmux_message_arrives_exactly(make_town) -> None:
    place = await make_town([say("Read.")])
    prompt = HOSTILE + "\n" + "long line; " * 4000
    assert (await finish(place, job(place, prompt))).text == "Read."
    assert [text.rstrip() for text in place.prompts()] == [prompt.rstrip()]


async def test_a_prompt_that_no_program_can_be_given_is_refused(make_town) -> None:
    place = await make_town([])
    with pytest.raises(SessionError, match="128 KiB"):
        await finish(place, job(place, "ü" * 66000))
    assert not await place.tmux("list-sessions", check=False)


async def test_a_later_prompt_joins_by_paste_and_can_not_leave_it(make_town) -> None:
    place = await make_town([say("First."), say("Second.")])
    first = await finish(place, job(place, "one"))
    text = "two\x1b[201~\r!touch x\r\x03\x1b[200~\nthree\x9b201~"
    second = await finish(place, job(place, text, task_id=2))
    assert (second.text, second.session_id) == ("Second.", first.session_id)
    # Claude Code wraps several pasted lines in a marker of its own.
    assert place.prompts()[0] == "one"
    assert "\ntwo[201~\n!touch x\n[200~\nthree201~\n" in f"\n{place.prompts()[1]}\n"
    assert len(place.prompts()) == 2
    assert not (place.workspace / "x").exists()
    assert len((await place.tmux("list-panes", "-a")).splitlines()) == 1


async def test_commands_of_the_input_line_are_only_text(make_town) -> None:
    place = await make_town(lambda call: say(f"{len(call.user_texts)} heard."))
    await finish(place, job(place, "one"))
    prompts = ["/exit", "!touch x", "quit", " ", "in C:\\dir\\"]
    for number, prompt in enumerate(prompts, 2):
        result = await finish(place, job(place, prompt, task_id=number))
        assert result.text == f"{number} heard."
    *commands, empty, path = place.prompts()[1:]
    assert commands == [f"Task: {prompt}" for prompt in prompts[:3]]
    assert (empty, path) == ("Task: (an empty message)", prompts[-1])
    assert not (place.workspace / "x").exists()
    assert len((await place.tmux("list-panes", "-a")).splitlines()) == 1


async def test_steering_is_handed_over_when_the_turn_is_over(make_town) -> None:
    place = await make_town([say("First."), say("Second.")])
    place.control.steering.put_nowait("and this\ttoo")
    result = await finish(place, job(place, "one"))
    assert (result.text, result.turns) == ("Second.", 2)
    assert place.prompts()[0] == "one"
    assert place.prompts()[1].split() == ["and", "this", "too"]


async def test_what_runs_in_the_background_is_awaited_and_keeps_nobody_waiting(
    make_town, eventually
) -> None:
    wait = use("Bash", command="while [ ! -e go ]; do sleep 0.1; done", run_in_background=True)
    place = await make_town(
        [wait, say("I wait for it."), say("Noted."), say("Built.")], allowed_tools=("Bash",)
    )
    running = place.run(job(place, "build it"))
    await eventually(lambda: "In the background: " in str(place.observer.progressed), timeout_s=30)
    place.control.steering.put_nowait("and paint it")
    await eventually(lambda: events(place).count("Stop") == 2, timeout_s=20)
    assert not running.done()
    # What the hooks can't tell a daemon that does not answer is found all the same.
    await place.go_away()
    (place.workspace / "go").touch()
    async with asyncio.timeout(20):
        result = await running
    assert (result.text, result.turns) == ("Built.", 3)


async def test_a_server_in_the_background_ends_no_task_and_holds_none_up(make_town) -> None:
    serve = use("Bash", command="sleep 600", run_in_background=True)
    place = await make_town([serve, say("It runs."), say("Second.")], allowed_tools=("Bash",))
    place.session = InteractiveSession(
        place.configuration, place.state, place.socket, background_s=0.1
    )
    first = await finish(place, job(place, "serve it"))
    assert first.text == "It runs.\nStill in the background: sleep 600"
    # What ran before a task is not awaited in it.
    place.again()
    assert (await finish(place, job(place, "two", task_id=2))).text == "Second."


async def test_a_stop_hook_of_the_project_that_sends_it_on(make_town) -> None:
    place = await make_town([say("Done, I think."), say("Now it is.")])
    check = "[ -e seen ] && exit 0; touch seen; echo the tests fail >&2; exit 2"
    hooks = {"Stop": [{"hooks": [{"type": "command", "command": check}]}]}
    (place.workspace / ".claude").mkdir()
    (place.workspace / ".claude/settings.json").write_text(json.dumps({"hooks": hooks}))
    assert (await finish(place, job(place, "one"))).text == "Now it is."


async def test_an_error_of_the_api_is_reported(make_town) -> None:
    trouble = Failure(400, "no such thing")
    place = await make_town(lambda _: trouble)
    result = await finish(place, job(place, "one"))
    assert (result.outcome, "no such thing" in result.text) == (Outcome.FAILED, True)
    trouble = Failure(400, "Your credit balance is too low to access the Anthropic API.")
    result = await finish(place, job(place, "two", task_id=2))
    assert (result.outcome, "then say retry" in result.text) == (Outcome.FAILED, True)


async def test_nothing_is_pasted_while_somebody_types(make_town, eventually) -> None:
    place = await make_town([say("First."), say("Second.")])
    await finish(place, job(place, "one"))
    leader, follower = pty.openpty()
    client = subprocess.Popen(
        ["tmux", "-L", "portal-ada", "attach", "-t", "=hello"],
        stdin=follower, stdout=follower, stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"}, start_new_session=True,
    )  # fmt: skip
    os.set_blocking(leader, False)
    try:
        await eventually(lambda: place.tmux("list-clients"))
        running = place.run(job(place, "two", task_id=2))
        loop = asyncio.get_running_loop()
        end = loop.time() + 5.5
        while loop.time() < end:  # longer than the pause that counts as one
            os.write(leader, b"x\x7f")
            _drain(leader)
            await asyncio.sleep(0.3)
        assert place.prompts() == ["one"]
        assert any("Somebody types" in text for text in place.observer.said)
        assert len(place.observer.said) == 1
        async with asyncio.timeout(20):
            result = await running
        assert result.text == "Second."
        assert place.prompts() == ["one", "two"]
    finally:
        client.kill()
        client.wait()
        os.close(leader)
        os.close(follower)


async def test_work_interrupted_at_the_terminal_goes_on_with_what_is_typed(
    make_town, eventually
) -> None:
    async def script(call: ModelCall) -> Reply:
        if call.user_texts[-1] == "slow":
            await asyncio.sleep(60)
        return say("Done otherwise.")

    place = await make_town(script)
    running = place.run(job(place, "slow"))
    await eventually(place.prompts, timeout_s=20)
    await place.tmux("send-keys", "-t", "=hello:", "Escape")
    await eventually(lambda: place.observer.said, timeout_s=20)
    assert "interrupted" in place.observer.said[0]
    assert place.observer.waits == ["an answer"]
    await place.tmux("send-keys", "-t", "=hello:", " but otherwise", "Enter")
    async with asyncio.timeout(20):
        result = await running
    assert (result.outcome, result.text) == (Outcome.FINISHED, "Done otherwise.")


def _drain(descriptor: int) -> None:
    try:
        os.read(descriptor, 65536)
    except BlockingIOError:
        return


async def test_a_turn_somebody_typed_is_not_the_end_of_the_task(make_town, eventually) -> None:
    release = asyncio.Event()

    async def script(call: ModelCall) -> Reply:
        if "typed" in call.user_texts[-1]:
            await release.wait()
        return say(f"Answer to {call.user_texts[-1]}.")

    place = await make_town(script)
    await finish(place, job(place, "one"))
    await place.tmux("send-keys", "-t", "=hello:", "typed", "Enter")
    await eventually(lambda: events(place).count("UserPromptSubmit") == 2)
    running = place.run(job(place, "ours", task_id=2))
    await eventually(lambda: "is busy in session hello" in str(place.observer.said))
    assert "ours" not in place.prompts()
    release.set()
    async with asyncio.timeout(20):
        assert (await running).text == "Answer to ours."


async def test_dots_and_colons_and_a_session_that_is_a_humans_shell(make_town) -> None:
    place = await make_town([say("Done.")], name="a.b:c")
    await place.tmux("new-session", "-d", "-s", "a_b_c", "-n", "mine", "cat")
    assert (await finish(place, job(place, "one"))).text == "Done."
    windows = (await place.tmux("list-windows", "-t", "=a_b_c", "-F", "#{window_name}")).split()
    assert sorted(windows) == ["claude", "mine"]
    assert not (await place.screen("=a_b_c:mine")).strip()


async def test_a_permission_prompt_is_told_and_answered(make_town, eventually) -> None:
    place = await make_town(
        [
            use("Bash", command="touch made; until [ -e go ]; do sleep 0.1; done"),
            say("Made."),
        ],
        permission_mode="default",
    )
    running = place.run(job(place, "one"))
    await eventually(lambda: place.observer.said, timeout_s=30)
    assert "portal-ada" in place.observer.said[0]
    assert place.observer.waits[-1] == "an answer"
    assert not (place.workspace / "made").exists()
    await place.tmux("send-keys", "-t", "=hello:", "Enter")
    # Told as soon as it is answered, not when the turn is over.
    await eventually(lambda: place.observer.waits[-1] is None, timeout_s=20)
    await eventually((place.workspace / "made").exists)
    assert not running.done()
    (place.workspace / "go").touch()
    async with asyncio.timeout(20):
        assert (await running).text == "Made."


async def test_a_stop_interrupts_the_turn_and_keeps_the_session(make_town, eventually) -> None:
    async def script(call: ModelCall) -> Reply:
        if call.user_texts[-1] == "slow":
            await asyncio.sleep(60)
        return say("Later.")

    place = await make_town(script)
    running = place.run(job(place, "slow"))
    await eventually(place.prompts, timeout_s=20)
    place.control.stop.set()
    async with asyncio.timeout(15):
        assert (await running).outcome is Outcome.STOPPED
    place.control.stop.clear()
    # The interrupted prompt does not stay in the input line.
    assert (await finish(place, job(place, "next", task_id=2))).text == "Later."
    assert place.prompts()[-1] == "next"
    assert len((await place.tmux("list-panes", "-a")).splitlines()) == 1


async def test_the_time_limit_ends_the_turn(make_town, eventually) -> None:
    async def script(call: ModelCall) -> Reply:
        await asyncio.sleep(60)
        return say("Late.")

    place = await make_town(script)
    result = await finish(place, job(place, "slow", timeout_s=3))
    assert result.outcome is Outcome.TIMED_OUT
    assert "time limit of 3 seconds is over" in result.text


@pytest.mark.fault
@pytest.mark.parametrize("victim", ["claude", "tmux"])
async def test_a_killed_process_is_noticed_within_seconds(make_town, eventually, victim) -> None:
    async def script(call: ModelCall) -> Reply:
        await asyncio.sleep(60)
        return say("Late.")

    place = await make_town(script)
    running = place.run(job(place, "slow"))
    await eventually(place.prompts, timeout_s=20)
    pids = (await place.tmux("list-panes", "-a", "-F", "#{pane_pid} #{pid}")).split()
    place.control.steering.put_nowait("and this too")
    await eventually(lambda: "is busy in session hello" in str(place.observer.said))
    os.kill(int(pids[0 if victim == "claude" else 1]), signal.SIGKILL)
    async with asyncio.timeout(8):
        result = await running
    assert result.outcome is Outcome.FAILED
    assert "retry" in result.text
    assert result.text.endswith("It ended before it heard «and this too».")


async def test_a_session_that_is_closed_fails_the_task(make_town, eventually) -> None:
    async def script(call: ModelCall) -> Reply:
        await asyncio.sleep(60)
        return say("Late.")

    place = await make_town(script)
    running = place.run(job(place, "slow"))
    await eventually(place.prompts, timeout_s=20)
    await place.tmux("kill-session", "-t", "=hello")
    async with asyncio.timeout(8):
        result = await running
    assert (result.outcome, "session hello" in result.text) == (Outcome.FAILED, True)


async def _cancelled(running: asyncio.Task[object]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.fault
@pytest.mark.parametrize("when", ["the turn still runs", "the turn ended meanwhile"])
async def test_a_daemon_that_comes_back_goes_on_and_sends_nothing_twice(
    make_town, eventually, when
) -> None:
    release = asyncio.Event()

    async def script(call: ModelCall) -> Reply:
        await release.wait()
        return say("Done.")

    place = await make_town(script)
    work = job(place, "one")
    running = place.run(work)
    await eventually(place.prompts, timeout_s=20)
    await place.go_away()
    await _cancelled(running)
    assert await place.tmux("has-session", "-t", "=hello") == ""
    if when == "the turn ended meanwhile":
        release.set()
        await eventually(lambda: list((place.state / "hooks").glob("*.json")), timeout_s=20)
    place.again()
    await place.listen()
    recovered = place.run(job(place, "one", session_id=work.session_id, recover=True))
    await asyncio.sleep(0.3)
    release.set()
    async with asyncio.timeout(20):
        result = await recovered
    assert (result.outcome, result.text) == (Outcome.FINISHED, "Done.")
    assert place.prompts() == ["one"]
    assert not list((place.state / "hooks").iterdir() if (place.state / "hooks").exists() else [])


@pytest.mark.fault
async def test_a_session_that_went_with_the_daemon_is_lost(make_town, eventually) -> None:
    async def script(call: ModelCall) -> Reply:
        await asyncio.sleep(60)
        return say("Late.")

    place = await make_town(script)
    work = job(place, "one")
    running = place.run(work)
    await eventually(place.prompts, timeout_s=20)
    await _cancelled(running)
    pid = (await place.tmux("list-panes", "-a", "-F", "#{pane_pid}")).strip()
    await place.tmux("kill-server")
    await eventually(lambda: not Path(f"/proc/{pid}").exists())
    place.again()
    result = await finish(place, job(place, "one", session_id=work.session_id, recover=True))
    assert result.outcome is Outcome.LOST
    assert place.prompts() == ["one"]


@pytest.mark.fault
async def test_a_daemon_killed_while_it_started_claude_finds_it(make_town, eventually) -> None:
    release = asyncio.Event()

    async def script(call: ModelCall) -> Reply:
        await release.wait()
        return say("Done.")

    place = await make_town(script)
    work = job(place, "one " * 5000)  # long, so that the vector comes from a file
    running = place.run(work)
    await eventually(place.prompts, timeout_s=20)
    await _cancelled(running)
    store = ConversationStore(place.state / "sessions")
    store.save(replace(store.load()["hello"], pane="", pid=0, started=0, server_pid=0))
    place.again()
    recovered = place.run(job(place, work.prompt, session_id=work.session_id, recover=True))
    release.set()
    async with asyncio.timeout(20):
        result = await recovered
    assert (result.outcome, result.text) == (Outcome.FINISHED, "Done.")
    assert len(place.prompts()) == 1


@pytest.mark.fault
async def test_a_daemon_killed_before_it_started_claude_has_sent_nothing(make_town) -> None:
    place = await make_town([say("Done.")])
    work = job(place, "one")
    await place.session.prepare(work)
    place.again()
    result = await finish(place, job(place, "one", session_id=work.session_id, recover=True))
    assert result.outcome is Outcome.LOST
    assert place.prompts() == []
    # Where the journal did not know of the start yet, the task begins anew.
    place.again()
    assert (await finish(place, job(place, "one"))).text == "Done."
    assert place.prompts() == ["one"]
    assert not (place.state / "sessions" / work.session_id).exists()


async def test_what_is_known_of_a_claude_that_runs_stays_until_the_next_begins(make_town) -> None:
    place = await make_town([say("First."), say("Second.")])
    first = await finish(place, job(place, "one"))
    store = ConversationStore(place.state / "sessions")
    for resume in (False, True):
        await place.session.prepare(job(place, "two", task_id=2, resume=resume))
        assert store.load()["hello"].session_id == first.session_id
    assert (await finish(place, job(place, "two", task_id=2))).text == "Second."
    assert store.load()["hello"].session_id == first.session_id  # joined


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.long
async def test_what_may_have_been_handed_over_is_not_sent_again(make_town) -> None:
    place = await make_town([say("First."), say("Never.")])
    await finish(place, job(place, "one"))
    store = ConversationStore(place.state / "sessions")
    known = store.load()["hello"]
    known.begin(2, "two")
    known.hand_over()
    store.save(known)
    place.again()
    result = await finish(place, job(place, "two", task_id=2, recover=True), timeout_s=45)
    assert result.outcome is Outcome.LOST
    assert place.prompts() == ["one"]


async def test_a_closed_conversation_is_continued_by_its_id(make_town) -> None:
    place = await make_town([say("First."), say("Second.")])
    first = await finish(place, job(place, "one"))
    await place.tmux("kill-server")
    work = job(place, "two", task_id=2, session_id=first.session_id, resume=True)
    assert (await finish(place, work)).text == "Second."
    texts = place.api.requests[-1].user_texts
    assert [texts[0], texts[-1]] == ["one", "two"]


async def test_a_conversation_that_somebody_cleared_is_joined(make_town, eventually) -> None:
    place = await make_town([say("First."), say("Second.")])
    first = await finish(place, job(place, "one"))
    await place.tmux("send-keys", "-t", "=hello:", "-l", "/clear")
    await eventually(lambda: _shows(place, "/clear"))
    await place.tmux("send-keys", "-t", "=hello:", "Enter")
    await eventually(lambda: events(place)[-2:] == ["SessionEnd", "SessionStart"])
    second = await finish(place, job(place, "two", task_id=2))
    assert second.text == "Second."
    assert second.session_id != first.session_id
    texts = place.api.requests[-1].user_texts
    assert (texts[-1], "one" in texts) == ("two", False)
    assert len((await place.tmux("list-panes", "-a")).splitlines()) == 1
    # The next one goes on from there.
    assert ConversationStore(place.state / "sessions").load()["hello"].origin == first.session_id


async def _shows(place: Town, text: str) -> bool:
    return text in await place.screen()


async def test_a_conversation_that_is_gone_is_not_begun_anew(make_town) -> None:
    place = await make_town([])
    with pytest.raises(SessionError, match="should continue is gone"):
        await finish(place, job(place, "and more", resume=True))
    place.workspace.rmdir()
    with pytest.raises(SessionError, match="hello is gone: it was moved or deleted"):
        await finish(place, job(place, "anew"))
    assert not await place.tmux("list-sessions", check=False)


@pytest.mark.attack
async def test_the_key_is_in_no_argument_and_no_environment(make_town, eventually) -> None:
    release = asyncio.Event()

    async def script(call: ModelCall) -> Reply:
        await release.wait()
        return say("Done.")

    place = await make_town(script)
    os.environ["ANTHROPIC_API_KEY"] = API_KEY  # a daemon started with it; make_town restores it
    try:
        place.again()
        running = place.run(job(place, "one"))
        await eventually(place.prompts, timeout_s=20)
        pids = (await place.tmux("list-panes", "-a", "-F", "#{pane_pid} #{pid}")).split()
        for pid in pids:
            for name in ("cmdline", "environ"):
                assert API_KEY.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        release.set()
        async with asyncio.timeout(20):
            await running
    finally:
        del os.environ["ANTHROPIC_API_KEY"]
    assert {call.credential for call in place.api.requests} <= {"x-api-key", "authorization"}


@pytest.mark.attack
async def test_reports_of_other_sessions_are_ignored(make_town, eventually) -> None:
    release = asyncio.Event()

    async def script(call: ModelCall) -> Reply:
        await release.wait()
        return say("Done.")

    place = await make_town(script)
    running = place.run(job(place, "one"))
    await eventually(lambda: events(place).count("UserPromptSubmit"), timeout_s=20)
    for session_id in (str(uuid.uuid4()), "../../etc", "", "x" * 100):
        await place.session.hook(
            HookReport(
                session_id=session_id, hook_event_name="Stop", last_assistant_message="Forged."
            )
        )
    await asyncio.sleep(0.8)
    assert not running.done()
    release.set()
    async with asyncio.timeout(20):
        assert (await running).text == "Done."


def test_the_class_is_importable_without_the_sdk() -> None:
    code = (
        "import sys, nuketown_daemon.session.interactive as i; "
        "sys.exit('claude_agent_sdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert InteractiveSession
