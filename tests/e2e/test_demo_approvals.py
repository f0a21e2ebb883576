"""The demonstration's approvals: real sudo in the container, a request by stanza without it."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import psutil
import pytest

from nuketown_broker.channels.desktop.conversation import CONSIDERED_S
from nuketown_demo.account_town import AccountTown
from nuketown_demo.check import REQUEST
from nuketown_demo.town import AGENT
from nuketown_demo.user_town import UserTown
from tests.conftest import Eventually
from tests.demo_fixture import DEMO, Terminal, demo, processes_of
from tests.x_server import XServer


async def test_an_ordinary_user_sees_a_request_for_a_teammate(
    surroundings: dict[str, str], short_tmp: Path
) -> None:
    async with demo(surroundings, "--check") as running:
        assert await running.ended() == 0, running.output
    _in_order(
        running.output,
        f"{AGENT} runs as you (--no-container), so there is no sudo to show",
        f"josh       {UserTown.request}",
        "ada (software) asks for delegate",
        "review the README → vox",
        "josh       yes",
        "✅ approved in chat by josh@localhost",
        "vox may review the README: approved in chat by josh@localhost",
        "$ nuketown audit    # as josh",
        "→ approved in chat by josh@localhost",
    )
    assert "away Waiting for delegate approval" in running.output
    assert list(short_tmp.iterdir()) == []


@pytest.mark.systemd
async def test_sudo_of_a_real_account_waits_for_the_yes(
    surroundings: dict[str, str], short_tmp: Path
) -> None:
    async with demo(surroundings, "--check", command=DEMO) as running:
        await running.until("asks for sudo")
        (town,) = short_tmp.iterdir()
        assert await running.ended() == 0, running.output
    _in_order(
        running.output,
        "ada is an account in a container, and her sudo is real",
        f"josh       {REQUEST}",
        "LICENSE file with the MIT license",
        f"josh       {AccountTown.request}",
        "ada (software) asks for sudo",
        "install --directory --owner=ada /srv/hello",
        "josh       yes",
        "✅ approved in chat by josh@localhost",
        "drwxr-xr-x ada /srv/hello\ndrwxr-xr-x root /srv\n",
        "sudo  install --directory --owner=ada /srv/hello  → ask",
        "sudo  → approved in chat by josh@localhost",
    )
    assert "away Waiting for sudo approval" in running.output
    assert list(short_tmp.iterdir()) == []
    assert processes_of(town) == []
    printed = _without_chance(running.output)
    missing = set(_readme_conversation()) - set(printed)
    assert missing == set(), "README.md shows what the demo does not print"
    # Presence comes when it comes; the rest has an order.
    rest = iter(printed)
    spoken = [line for line in _readme_conversation() if line and "●" not in line]
    assert [line for line in spoken if line not in rest] == [], "README.md has another order"


@pytest.mark.systemd
@pytest.mark.parametrize("moment", ["it waits for your yes", "dnd Working", "asks for sudo"])
async def test_an_interruption_leaves_no_container(
    surroundings: dict[str, str], short_tmp: Path, moment: str
) -> None:
    async with demo(surroundings, "--check", command=DEMO) as running:
        await running.until(moment)
        running.process.send_signal(signal.SIGINT)
        running.process.send_signal(signal.SIGINT)
        assert await running.ended() == 130, running.output
    assert "Traceback" not in running.output
    assert list(short_tmp.iterdir()) == []
    assert _machines(running.process.pid) == []


@pytest.mark.systemd
async def test_a_debian_that_can_not_be_built_is_a_sentence(
    surroundings: dict[str, str], short_tmp: Path, tmp_path: Path
) -> None:
    program = tmp_path / "mmdebstrap"
    program.write_text("#!/bin/sh\nprintf 'I: begin\nE: no mirror\nE: the end\n' >&2\nexit 1\n")
    program.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{surroundings['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    async with demo(surroundings | path, "--check", command=DEMO) as running:
        assert await running.ended() == 1
    assert "A Debian for the container is built first: half a minute or more, once." in (
        running.output
    )
    last = running.output.splitlines()[-1]
    assert last.startswith("demo: mmdebstrap can't make a Debian ")
    assert last.endswith(
        ": E: no mirror: is a Debian mirror within reach? `./dev demo --no-container` needs none."
    )
    assert list(short_tmp.iterdir()) == []


@pytest.mark.systemd
async def test_chat_and_terminal_both_ask_and_either_answers(
    surroundings: dict[str, str],
    short_tmp: Path,
    tmp_path: Path,
    terminal: Terminal,
    eventually: Eventually,
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("trusted\n")
    way_out = {"HTTPS_PROXY": "http://me:a%40b@proxy:1", "NODE_EXTRA_CA_CERTS": str(authority)}
    terminal.open(surroundings | way_out, command=DEMO)
    await terminal.shows("● chat Ready", "● online Ready to ask", "/ada   (try: sudo id)")
    (town,) = short_tmp.iterdir()

    # A real model is reached from inside as it is from here.
    inside = "/etc/nuketown/NODE_EXTRA_CA_CERTS.pem"
    daemon = "$(systemctl --user show --value --property=MainPID nuketown-daemon)"
    look = f'tr "\\0" "\\n" </proc/{daemon}/environ; cat {inside}'
    _, seen = await _ended(await _begin(town / "ada", "sh", "-c", look))
    assert "HTTPS_PROXY=http://me:a%40b@proxy:1\n" in seen
    assert f"NODE_EXTRA_CA_CERTS={inside}\n" in seen
    assert seen.endswith("trusted\n")

    by_phone = await _begin(town / "ada", "sudo", "id", "-u")
    await terminal.shows("asks for sudo", "id -u", "josh (yes or no?)>", "● away Waiting for sudo")
    await _desk_shows(town, "sudo: id -u", "Type approve", eventually)
    terminal.enter("yes")
    await terminal.shows("(to approvals)", "✅ approved in chat by josh@localhost")
    await _desk_shows(town, "approved in chat by josh@localhost", "", eventually)
    assert await _ended(by_phone) == (0, "0\n")

    at_the_desk = await _begin(town / "ada", "sudo", "cat", "/etc/shadow")
    await _desk_shows(town, "sudo: cat /etc/shadow", "Type approve", eventually)
    await terminal.shows("cat /etc/shadow")
    await _ended(await _begin(town / "josh", "tmux", "-L", "desk", "send-keys", "deny", "Enter"))
    await terminal.shows("⛔ denied on terminal by josh")
    status, output = await _ended(at_the_desk)
    assert status == 1
    assert "root:" not in output

    # What is no answer goes to ada, and so does a yes while nothing is asked.
    terminal.enter("yes")
    await eventually(lambda: terminal.screen.count("(to approvals)") == 1, 10)
    terminal.enter("/quit")
    await terminal.ended_well()
    assert list(short_tmp.iterdir()) == []
    assert processes_of(town) == []


@pytest.mark.systemd
@pytest.mark.desktop
@pytest.mark.timeout(300)  # the first time, a Debian with zenity is built
async def test_with_a_display_a_popup_asks_too(
    surroundings: dict[str, str], short_tmp: Path, terminal: Terminal, x_server: XServer
) -> None:
    display = {"DISPLAY": x_server.display, "XAUTHORITY": str(x_server.authority)}
    terminal.open(surroundings | display, command=DEMO)
    await terminal.shows("● chat Ready", "● online Ready to ask", timeout_s=200)
    (town,) = short_tmp.iterdir()
    asking = await _begin(town / "ada", "sudo", "id", "-u")
    async with asyncio.timeout(20):
        while not (windows := await asyncio.to_thread(x_server.windows, "^ada")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(CONSIDERED_S)
    await asyncio.to_thread(x_server.press, windows[0], "Tab", "space")
    assert await _ended(asking) == (0, "0\n")
    await terminal.shows("✅ approved on desktop by josh")
    terminal.enter("/quit")
    await terminal.ended_well()


def _in_order(output: str, *parts: str) -> None:
    position = 0
    for part in parts:
        found = output.find(part, position)
        assert found >= 0, f"{part!r} does not come next:\n{output[position:]}"
        position = found + len(part)


def _machines(pid: int) -> list[str]:
    """Containers that the demonstration with this process id started."""
    lines = (" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
    return [line for line in lines if f"--machine=nuketown-{pid}-" in line]


async def _begin(*argv: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *map(str, argv), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def _ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def _desk_shows(town: Path, first: str, second: str, eventually: Eventually) -> None:
    async with asyncio.timeout(20):
        while True:
            looking = await _begin(town / "josh", "tmux", "-L", "desk", "capture-pane", "-p")
            _, screen = await _ended(looking)
            if first in screen and second in screen:
                return
            await asyncio.sleep(0.1)


def _readme_conversation() -> list[str]:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = (part for part in text.split("```") if f"josh       {REQUEST}" in part)
    return [line for line in _without_chance(block) if line.strip() != "…"]


_CHANCE = (
    r"^ *\d+\.\d s", r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\b\d\d:\d\d\b", r"\b[0-9a-f]{7,40}\b",
    r"(?<=yes )[A-Z0-9]{4}\b", r"(?<=no )[A-Z0-9]{4}\b", r"(?<= on )\S+(?=:$)",
    r"(?<=within )\d+ s",
    r"^Date: .*$", r"\d+ s$", r"(?<=within )\d+(?= s)",
)  # fmt: skip


def _without_chance(text: str) -> list[str]:
    """Lines without times, ids, codes, durations and this machine's name."""
    for pattern in _CHANCE:
        text = re.sub(pattern, "_", text, flags=re.MULTILINE)
    return text.splitlines()
