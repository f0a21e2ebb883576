"""Popups by the real zenity on a real X server, answered by keyboard and mouse."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from nuketown_approval.errors import ApprovalProtocolError, ApprovalUnavailable
from nuketown_approval.request import Delegation
from nuketown_broker.channels.desktop import find_display
from nuketown_broker.channels.desktop.look import colour_of
from nuketown_broker.channels.desktop.zenity import Zenity
from nuketown_broker.contract import Answer
from tests.conftest import Eventually
from tests.desktop_fixture import Desk, OpenDesk, at_the_desk
from tests.desktop_questions import ELSEWHERE, command, question
from tests.x_server import XServer, close_politely, send_to_server

pytestmark = pytest.mark.desktop


async def test_approve_is_pressed(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    window = await desk.window(r"^ada \(software\)$")
    await desk.read()
    await desk.press(window, "Tab", "space")
    answer = await desk.answer_to(asked)
    assert (answer.result, answer.channel, answer.minutes) == ("approved", "desktop", None)
    await desk.no_window()


async def test_approve_is_clicked(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await desk.read()
    x, y = await asyncio.to_thread(_approve_button, desk.server, window)
    await asyncio.to_thread(desk.server.hands, "mousemove", str(x), str(y), "click", "1")
    assert (await desk.answer_to(asked)).result == "approved"


def _approve_button(server: XServer, window: str) -> tuple[int, int]:
    """A point in it: the leftmost of what changes when the focus moves on from it."""
    server.press(window, "Tab")
    seen = [_settled_picture(server)]
    server.press(window, "Tab")
    seen.append(_settled_picture(server, other_than=seen[0]))
    width, _, before = seen[0]
    after = seen[1][2]
    changed = [i // 4 for i in range(0, len(before), 4) if before[i : i + 3] != after[i : i + 3]]
    left = min(pixel % width for pixel in changed)
    rows = [pixel // width for pixel in changed]
    return left + 12, (min(rows) + max(rows)) // 2


def _settled_picture(server: XServer, other_than=None):
    last = None
    for _ in range(200):
        picture = server.pixels()
        if picture == last and picture != other_than:
            return picture
        last = picture
        subprocess.run(["sleep", "0.2"], check=True)
    raise AssertionError("the picture does not settle")


async def test_the_focused_button_denies(desk: Desk) -> None:
    asked = question(grant=True)
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await desk.read()
    await desk.press(window, "Return")
    assert (await desk.answer_to(asked)).result == "denied"


async def test_escape_denies(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    await desk.press(await desk.window("^ada"), "Escape")
    assert (await desk.answer_to(asked)).result == "denied"


async def test_the_window_managers_close_button_denies(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await desk.read()
    await asyncio.to_thread(close_politely, desk.server, int(window))
    assert (await desk.answer_to(asked)).result == "denied"


async def test_approve_for_ten_minutes(desk: Desk) -> None:
    asked = question(grant=True)
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await desk.read()
    await desk.press(window, "Tab", "Tab", "space")
    answer = await desk.answer_to(asked)
    assert (answer.result, answer.minutes) == ("approved", 10)


async def test_details_and_the_grant_for_a_task(desk: Desk) -> None:
    asked = question(grant=True)
    await desk.channel.ask(asked)
    popup = await desk.window("^ada")
    await desk.press(popup, "Tab", "Tab", "Tab", "space")
    details = await desk.window("^ada")
    await desk.read()
    # From the text to Back, Deny, Approve, for 10 min, for this task.
    await desk.press(details, *["ctrl+Tab"] * 5, "space")
    answer = await desk.answer_to(asked)
    assert (answer.result, answer.for_task, answer.minutes) == ("approved", True, None)


@pytest.mark.attack
async def test_a_yes_in_the_first_second_was_meant_for_something_else(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await desk.press(window, "Tab", "space")
    again = await desk.window("^ada")
    assert desk.answers.to(asked) is None
    await desk.press(again, "Escape")
    assert (await desk.answer_to(asked)).result == "denied"


@pytest.mark.attack
async def test_a_popup_destroyed_by_another_x_client_is_no_consent(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await desk.read()
    await asyncio.to_thread(desk.server.hands, "windowunmap", window)
    await asyncio.to_thread(_destroy, desk.server, window)
    assert (await desk.answer_to(asked)).result == "denied"


def _destroy(server: XServer, window: str) -> None:
    """DestroyWindow (X11 protocol), as any client of the display may send it."""
    send_to_server(server, struct.pack("<BxHI", 4, 2, int(window)))


@pytest.mark.attack
async def test_the_x_connection_cut_by_another_client_is_no_answer(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await asyncio.to_thread(desk.server.hands, "windowkill", window)
    await desk.no_window()
    await desk.channel.settle(asked, ELSEWHERE)
    answer = desk.answers.to(asked)
    assert answer is None or answer.result == "denied"


@pytest.mark.attack
async def test_a_long_command_needs_its_details_opened(desk: Desk) -> None:
    asked = question(command("sh", "-c", "true;" * 300 + "rm -rf /"))
    await desk.channel.ask(asked)
    popup = await desk.window("^ada")
    assert "--extra-button=Approve" not in _argument_vectors(desk)[0]
    await desk.read()
    # What would be Approve is Details here.
    await desk.press(popup, "Tab", "space")
    details = await desk.window("^ada")
    assert desk.answers.to(asked) is None
    await desk.press(details, "Escape")
    back = await desk.window("^ada")
    assert "--extra-button=Approve" in _argument_vectors(desk)[0]
    await desk.read()
    await desk.press(back, "Tab", "space")
    assert (await desk.answer_to(asked)).result == "approved"


def _argument_vectors(desk: Desk) -> list[list[str]]:
    """Of the zenity windows on this display."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            surroundings = (process / "environ").read_bytes()
        except OSError:
            continue
        if words[0].endswith("zenity") and f"DISPLAY={desk.server.display}\0".encode() in (
            surroundings + b"\0"
        ):
            found.append(words)
    return found


@pytest.mark.attack
async def test_markup_and_backslashes_are_text(desk: Desk) -> None:
    word = r"</span><b>x</b> & &amp; \n \x41 <span size='1'>"
    plain, marked = question(command("echo", "x")), question(command("echo", word))
    pictures = []
    for asked in (plain, marked):
        await desk.channel.ask(asked)
        window = await desk.window("^ada")
        (words,) = _argument_vectors(desk)
        assert "--no-markup" in words
        geometry = await asyncio.to_thread(
            desk.server.hands, "getwindowgeometry", "--shell", window
        )
        pictures.append(dict(line.split("=") for line in geometry.splitlines()))
        await desk.channel.settle(asked, ELSEWHERE)
        await desk.no_window()
    # Literal: longer than x, and no line break came of \n.
    assert int(pictures[1]["WIDTH"]) > int(pictures[0]["WIDTH"])
    assert pictures[1]["HEIGHT"] == pictures[0]["HEIGHT"]


@pytest.mark.attack
async def test_the_largest_request_is_shown(desk: Desk) -> None:
    asked = question(command("x", *["\n\x1b\u202e" + "y" * 30_000] * 4))
    await desk.channel.ask(asked)
    popup = await desk.window("^ada")
    await desk.press(popup, "Tab", "space")
    details = await desk.window("^ada")
    await desk.press(details, "ctrl+Tab", "Escape")
    back = await desk.window("^ada")
    await desk.press(back, "Escape")
    assert (await desk.answer_to(asked)).result == "denied"


async def test_two_agents_look_different(desk: Desk) -> None:
    colours = []
    for agent, role in (("ada", "software"), ("vox", "research"), ("ada", "software")):
        asked = question(Delegation(task="t", agents="a"), agent=agent, role=role)
        await desk.channel.ask(asked)
        await desk.window(rf"^{agent} \({role}\)$")
        _, _, pixels = await asyncio.to_thread(_settled_picture, desk.server)
        counts = {}
        for at in range(0, len(pixels), 4):
            counts[pixels[at : at + 3]] = counts.get(pixels[at : at + 3], 0) + 1
        colours.append(counts)
        await desk.channel.settle(asked, ELSEWHERE)
        await desk.no_window()
    ada, vox = (bytes.fromhex(colour_of(agent)[1:])[::-1] for agent in ("ada", "vox"))
    assert colours[0].get(ada, 0) > 3000
    assert colours[0].get(vox, 0) == 0
    assert colours[1].get(vox, 0) > 3000
    assert colours[1].get(ada, 0) == 0
    assert colours[2] == colours[0]


async def test_answered_elsewhere_closes_the_popup(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    await desk.window("^ada")
    await desk.channel.settle(asked, ELSEWHERE)
    await desk.no_window()
    assert desk.answers.to(asked) is None


async def test_settled_before_the_window_is_there(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    await desk.channel.settle(asked, ELSEWHERE)
    await desk.no_window()
    assert not _argument_vectors(desk)


async def test_a_click_that_comes_too_late_is_told(desk: Desk) -> None:
    asked = question()
    await desk.channel.ask(asked)
    window = await desk.window("^ada")
    await desk.read()
    desk.answers.decided.add(asked.request.id)
    await desk.press(window, "Tab", "space")
    notice = await desk.window("^ada")
    (words,) = _argument_vectors(desk)
    assert "--text=Already decided: your answer changed nothing." in words
    assert desk.answers.refused == [asked.request.id]
    await desk.press(notice, "Return")
    await desk.no_window()


async def test_an_answer_that_does_not_count_is_told_and_asked_again(desk: Desk) -> None:
    asked = question()
    taken = desk.answers.__call__

    async def refuse(request_id: str, answer: Answer) -> bool:
        desk.channel._answered = taken
        raise ApprovalProtocolError("the request has expired: it was denied.")

    desk.channel._answered = refuse
    await desk.channel.ask(asked)
    await desk.press(await desk.window("^ada"), "Escape")
    for _ in range(200):
        if len(_argument_vectors(desk)) == 2:
            break
        await asyncio.sleep(0.05)
    texts = [word for words in _argument_vectors(desk) for word in words]
    assert "--text=the request has expired: it was denied." in texts
    await desk.channel.settle(asked, ELSEWHERE)


@pytest.mark.attack
async def test_a_flood_is_one_window_without_approve(desk: Desk) -> None:
    asked = [question(command("true", str(number))) for number in range(200)]
    for one in asked:
        await desk.channel.ask(one)
    window = await desk.window("200 requests wait")
    assert len(await asyncio.to_thread(desk.server.windows)) == 1
    (words,) = _argument_vectors(desk)
    assert not any("pprove" in word for word in words)
    # Choosing one opens its popup; the list goes on without it.
    await desk.press(window, "Home", "Return")
    popup = await desk.window("^ada")
    await desk.window("199 requests wait")
    await desk.read()
    await desk.press(popup, "Tab", "space")
    async with asyncio.timeout(15):
        await desk.answers.arrived.wait()
    (chosen,) = desk.answers.taken
    assert desk.answers.taken[chosen].result == "approved"
    assert chosen in {one.request.id for one in asked}
    for one in asked:
        await desk.channel.settle(one, ELSEWHERE)
    await desk.no_window()


async def test_few_questions_have_popups_again_after_a_flood(desk: Desk) -> None:
    asked = [question(command("true", str(number))) for number in range(5)]
    for one in asked:
        await desk.channel.ask(one)
    await desk.window("5 requests wait")
    for one in asked[:3]:
        await desk.channel.settle(one, ELSEWHERE)
    for _ in range(400):
        titles = await asyncio.to_thread(desk.server.windows, "^ada")
        if len(titles) == 2:
            break
        await asyncio.sleep(0.05)
    assert len(titles) == 2
    assert not desk.answers.taken


async def test_deny_all_is_a_no_to_what_was_listed(desk: Desk) -> None:
    asked = [question(command("true", str(number))) for number in range(4)]
    for one in asked:
        await desk.channel.ask(one)
    window = await desk.window("4 requests wait")
    await desk.press(window, *["ctrl+Tab"] * 3, "space")
    for one in asked:
        assert (await desk.answer_to(one)).result == "denied"


async def test_a_display_that_vanishes_is_no_answer(desk: Desk, eventually: Eventually) -> None:
    asked = question()
    await desk.channel.ask(asked)
    await desk.window("^ada")
    desk.server.stop()
    await eventually(lambda: not desk.channel._conversations)
    assert desk.answers.to(asked) is None
    with pytest.raises(ApprovalUnavailable):
        await desk.channel.ask(question())
    assert not desk.channel.ready
    await desk.channel.settle(asked, ELSEWHERE)


async def test_no_display_is_said_once(
    x_server: XServer, open_desk: OpenDesk, tmp_path: Path, eventually: Eventually
) -> None:
    environment = x_server.environment(tmp_path)
    del environment["DISPLAY"]
    desk = await open_desk(x_server, environment)
    with pytest.raises(ApprovalUnavailable, match="there is no display"):
        await desk.channel.ask(question())
    assert not desk.channel.ready


async def test_zenity_missing_is_said(
    x_server: XServer, open_desk: OpenDesk, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "setpriv").symlink_to(shutil.which("setpriv") or "")
    desk = await open_desk(x_server, x_server.environment(tmp_path) | {"PATH": str(programs)})
    with pytest.raises(ApprovalUnavailable, match="zenity is not in PATH: install zenity"):
        await desk.channel.ask(question())


async def test_the_display_is_looked_for_at_each_question(
    x_servers, open_desk: OpenDesk, tmp_path: Path
) -> None:
    first, second = x_servers(), x_servers()
    desk = await open_desk(first)
    await desk.channel.ask(one := question())
    await desk.window("^ada")
    await desk.channel.settle(one, ELSEWHERE)
    desk.channel._environment.update(second.environment(tmp_path))
    desk.server = second
    await desk.channel.ask(question())
    await desk.window("^ada")


def _show_version(server: XServer, home: Path) -> int:
    async def version() -> int:
        environment = server.environment(home)
        display = await asyncio.to_thread(find_display, environment)
        return (await Zenity.on(display, environment)).major

    return asyncio.run(version())


def test_zenity_tells_its_version(x_server: XServer, tmp_path: Path) -> None:
    assert _show_version(x_server, tmp_path) in (3, 4)


_BROKER = """
import asyncio, sys
from pathlib import Path
from nuketown_broker.channels.desktop import DesktopChannel
from nuketown_broker.configuration import Configuration
from tests.desktop_questions import Answers, question

async def main():
    channel = DesktopChannel(
        Configuration(role="workstation", state_directory=Path(sys.argv[1])), Answers())
    running = asyncio.create_task(channel.run())
    await channel.ask(question())
    await running

asyncio.run(main())
"""


@pytest.mark.fault
async def test_a_killed_broker_leaves_no_popup(x_server: XServer, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = x_server.environment(tmp_path)
    environment["PYTHONPATH"] = f"{root}:{root / 'broker'}"
    broker = subprocess.Popen(
        [sys.executable, "-c", _BROKER, str(tmp_path / "state")],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    answers = Desk(None, x_server, None)  # type: ignore[arg-type]
    try:
        for _ in range(300):
            if x_server.windows("^ada"):
                break
            await asyncio.sleep(0.05)
        assert x_server.windows("^ada")
    finally:
        os.kill(broker.pid, signal.SIGKILL)
        broker.wait()
    await answers.no_window()
    assert not _argument_vectors(answers)


async def test_the_broker_stopped_closes_every_window(x_server: XServer, tmp_path: Path) -> None:
    async with at_the_desk(x_server, tmp_path) as desk:
        for number in range(5):
            await desk.channel.ask(question(command("true", str(number))))
        await desk.window("5 requests wait")
    await desk.no_window()
    assert not _argument_vectors(desk)
